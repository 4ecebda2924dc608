-- From version 3: activities, and their tasks that wait for a worker.

CREATE TABLE activities (
    arn     TEXT PRIMARY KEY,
    name    TEXT NOT NULL,
    created INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE tasks (
    id        INTEGER PRIMARY KEY,
    activity  TEXT NOT NULL,
    execution INTEGER NOT NULL,
    call      INTEGER NOT NULL
);
CREATE INDEX tasks_of_activity ON tasks (activity, id);
