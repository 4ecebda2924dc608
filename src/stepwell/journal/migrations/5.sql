-- From version 4: events have a checksum, and executions are listed by status without looking at the others.

ALTER TABLE events ADD COLUMN sum INTEGER;
CREATE INDEX executions_by_status ON executions (machine, status, id) WHERE map_run IS NULL;
