-- From version 1: versions, aliases, tags and functions, and what machines and executions know of them.

ALTER TABLE machines ADD COLUMN type TEXT NOT NULL DEFAULT 'STANDARD';
ALTER TABLE machines ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
ALTER TABLE machines ADD COLUMN published INTEGER NOT NULL DEFAULT 0;

CREATE TABLE versions (
    machine     TEXT NOT NULL,
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
    routes      TEXT NOT NULL,
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

CREATE TABLE functions (
    name    TEXT NOT NULL,
    version INTEGER NOT NULL,
    settings TEXT NOT NULL,
    folder  TEXT NOT NULL,
    PRIMARY KEY (name, version)
) WITHOUT ROWID;

ALTER TABLE executions ADD COLUMN version TEXT;
ALTER TABLE executions ADD COLUMN alias TEXT;
ALTER TABLE executions ADD COLUMN revision TEXT;
