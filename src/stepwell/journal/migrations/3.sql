-- From version 2: map runs, and children, which are executions too.

CREATE TABLE map_runs (
    id         INTEGER PRIMARY KEY,
    arn        TEXT NOT NULL UNIQUE,
    execution  INTEGER NOT NULL,
    event      INTEGER NOT NULL,
    state      TEXT NOT NULL,
    status     TEXT NOT NULL,
    concurrency INTEGER NOT NULL,
    tolerated_count      INTEGER NOT NULL,
    tolerated_percentage REAL NOT NULL,
    total      INTEGER,
    started    INTEGER NOT NULL,
    stopped    INTEGER,
    redrives   INTEGER NOT NULL,
    redriven   INTEGER
);
CREATE INDEX map_runs_of_execution ON map_runs (execution, id);

ALTER TABLE executions ADD COLUMN map_run INTEGER;
ALTER TABLE executions ADD COLUMN items INTEGER;
CREATE INDEX children ON executions (map_run, status) WHERE map_run IS NOT NULL;
CREATE INDEX executions_of_nobody ON executions (id) WHERE map_run IS NULL;
