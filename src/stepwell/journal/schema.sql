-- The journal of Stepwell: what has happened, and what there is.
--
-- An execution is its events, folded. Nothing else is needed to go on after a crash: timers follow from the events
-- (a wait from its Entered event, a timeout from its Scheduled event, a retry from the fact noted beside its failure),
-- and a call whose answer is not here counts as lost. Events are only ever appended.
--
-- `owner` names the living process that advances an execution; it holds the lock on a file of that name. Others never
-- write events: they put what they want into `inbox`, and the owner answers.

CREATE TABLE definitions (
    hash TEXT PRIMARY KEY,
    text TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE machines (
    arn        TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    role       TEXT NOT NULL,
    definition TEXT NOT NULL REFERENCES definitions,
    revision   TEXT,                 -- absent until the first update, as on AWS
    created    INTEGER NOT NULL,     -- milliseconds since 1970, like every time here
    updated    INTEGER NOT NULL,
    type       TEXT NOT NULL DEFAULT 'STANDARD',
    settings   TEXT NOT NULL DEFAULT '{}',    -- JSON: loggingConfiguration and the like, as they were given
    published  INTEGER NOT NULL DEFAULT 0     -- the highest version number ever given
) WITHOUT ROWID;

-- A version is a machine as it was when it was published.
CREATE TABLE versions (
    machine     TEXT NOT NULL,       -- its ARN
    number      INTEGER NOT NULL,
    role        TEXT NOT NULL,
    definition  TEXT NOT NULL REFERENCES definitions,
    revision    TEXT,
    description TEXT,
    settings    TEXT NOT NULL,
    created     INTEGER NOT NULL,
    PRIMARY KEY (machine, number)
) WITHOUT ROWID;

CREATE TABLE aliases (
    machine     TEXT NOT NULL,
    name        TEXT NOT NULL,
    description TEXT,
    routes      TEXT NOT NULL,       -- JSON: [[version number, weight], …]
    created     INTEGER NOT NULL,
    updated     INTEGER NOT NULL,
    PRIMARY KEY (machine, name)
) WITHOUT ROWID;

CREATE TABLE tags (
    resource TEXT NOT NULL,
    key      TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (resource, key)
) WITHOUT ROWID;

-- Lambda functions made through the API; `version` is 0 for $LATEST.
CREATE TABLE functions (
    name    TEXT NOT NULL,
    version INTEGER NOT NULL,
    settings TEXT NOT NULL,          -- JSON: the configuration as GetFunctionConfiguration answers it
    folder  TEXT NOT NULL,           -- of its unpacked code, below the journal's own
    PRIMARY KEY (name, version)
) WITHOUT ROWID;

CREATE TABLE executions (
    id         INTEGER PRIMARY KEY,
    arn        TEXT NOT NULL UNIQUE,
    machine    TEXT NOT NULL,
    definition TEXT NOT NULL REFERENCES definitions,
    role       TEXT NOT NULL,
    status     TEXT NOT NULL,
    input      TEXT NOT NULL,
    output     TEXT,
    error      TEXT,
    cause      TEXT,
    started    INTEGER NOT NULL,
    stopped    INTEGER,
    redrives   INTEGER NOT NULL DEFAULT 0,
    redriven   INTEGER,
    last       INTEGER NOT NULL,     -- the id of the last event; 0: its owner has not begun it yet
    owner      TEXT NOT NULL,
    version    TEXT,                 -- the ARN of the machine's version that was started, if one was
    alias      TEXT,                 -- the ARN of the alias that chose it, if one did
    revision   TEXT,                 -- of the machine when the execution began
    map_run    INTEGER,              -- whose child it is; PENDING until it is started, which AWS shows to nobody
    items      INTEGER               -- how many a child has
);
CREATE INDEX executions_of_machine ON executions (machine, id);
CREATE INDEX executions_by_status ON executions (machine, status, id) WHERE map_run IS NULL;
CREATE INDEX children ON executions (map_run, status) WHERE map_run IS NOT NULL;
CREATE INDEX executions_of_nobody ON executions (id) WHERE map_run IS NULL;
CREATE INDEX executions_running ON executions (machine, owner) WHERE status = 'RUNNING';

-- A map run. How far it is are its children, counted by status; a child's row is there before the child is started.
CREATE TABLE map_runs (
    id         INTEGER PRIMARY KEY,
    arn        TEXT NOT NULL UNIQUE,
    execution  INTEGER NOT NULL,     -- the parent's
    event      INTEGER NOT NULL,     -- the id of its MapRunStarted event
    state      TEXT NOT NULL,
    status     TEXT NOT NULL,
    concurrency INTEGER NOT NULL,    -- 0: no limit; as in tolerated_…
    tolerated_count      INTEGER NOT NULL,
    tolerated_percentage REAL NOT NULL,
    total      INTEGER,              -- items; absent until all are there
    started    INTEGER NOT NULL,
    stopped    INTEGER,
    redrives   INTEGER NOT NULL,
    redriven   INTEGER
);
CREATE INDEX map_runs_of_execution ON map_runs (execution, id);

-- `part` is 0 for what AWS shows; our own facts share the id of the event that they follow and count 1, 2 …
CREATE TABLE events (
    execution INTEGER NOT NULL,
    id        INTEGER NOT NULL,
    part      INTEGER NOT NULL,
    previous  INTEGER NOT NULL,
    time      INTEGER NOT NULL,
    type      TEXT NOT NULL,
    frame     INTEGER NOT NULL,
    name      TEXT,
    payload   TEXT,                  -- the event's input or output, verbatim
    details   TEXT,                  -- its other fields, JSON
    sum       INTEGER,               -- CRC-32 of what is shown of it; absent in what older versions wrote
    PRIMARY KEY (execution, id, part)
) WITHOUT ROWID;

-- Where a call's log is, and what it used: beside the history, never needed to go on.
CREATE TABLE invocations (
    execution INTEGER NOT NULL,
    call      INTEGER NOT NULL,      -- the id of the event that announced it
    request   TEXT NOT NULL,
    log       TEXT NOT NULL,         -- the log stream: a file under .stepwell/logs
    ms        INTEGER,
    mb        INTEGER,
    PRIMARY KEY (execution, call)
) WITHOUT ROWID;

CREATE TABLE activities (
    arn     TEXT PRIMARY KEY,
    name    TEXT NOT NULL,
    created INTEGER NOT NULL
) WITHOUT ROWID;

-- Calls of activities for which a worker is wanted, the oldest first; whoever takes one removes it.
CREATE TABLE tasks (
    id        INTEGER PRIMARY KEY,
    activity  TEXT NOT NULL,         -- its ARN
    execution INTEGER NOT NULL,
    call      INTEGER NOT NULL       -- the id of the event that announced it
);
CREATE INDEX tasks_of_activity ON tasks (activity, id);

CREATE TABLE inbox (
    id        INTEGER PRIMARY KEY,
    execution INTEGER NOT NULL,
    kind      TEXT NOT NULL,         -- stop; begin, heartbeat or answer of a task
    body      TEXT NOT NULL
);
