-- The agency's tables (schema care) and the pipeline's copy of the look-back window (schema staging).

CREATE SCHEMA IF NOT EXISTS care;
CREATE SCHEMA IF NOT EXISTS staging;

CREATE TABLE IF NOT EXISTS care.carers (
    carer_id int PRIMARY KEY,
    name     text NOT NULL,
    region   text NOT NULL
);

-- In some kinds of visit several carers may be with a person at the same time: lifting takes two.
CREATE TABLE IF NOT EXISTS care.kinds (
    kind     text PRIMARY KEY,
    together boolean NOT NULL
);

-- Visits are cancelled, never deleted. One without date or person is still to be planned.
CREATE TABLE IF NOT EXISTS care.visits (
    visit_id   bigint PRIMARY KEY,
    visit_date date,
    person     text,
    carer_id   int,
    kind       text NOT NULL,
    cancelled  boolean NOT NULL,
    starts_at  timestamp NOT NULL,
    ends_at    timestamp NOT NULL CHECK (starts_at < ends_at)
);
CREATE INDEX IF NOT EXISTS visits_by_day_and_person ON care.visits (visit_date, person);

-- One row for each visit that is, or was, in conflict; the delay is how long its carer waits at the door.
CREATE TABLE IF NOT EXISTS care.conflicts (
    visit_id    bigint PRIMARY KEY,
    visit_date  date NOT NULL,
    person      text NOT NULL,
    region      text,
    delay       interval NOT NULL,
    found_on    date NOT NULL,
    resolved_on date
);

CREATE TABLE IF NOT EXISTS staging.visits (LIKE care.visits INCLUDING ALL);
