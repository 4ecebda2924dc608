-- Forget executions that have ended: those in `doomed`, and the children of their map runs, at any depth.
--
-- Python fills `doomed` with a few hundred ids at a time and runs the statements in one transaction, so that others
-- never wait long. What is under way is never chosen, and neither is a parent of something under way: a map run ends
-- after its children.

INSERT OR IGNORE INTO doomed
WITH RECURSIVE below (id) AS (
  SELECT id FROM doomed
  UNION
  SELECT child.id
  FROM below JOIN map_runs ON map_runs.execution = below.id JOIN executions child ON child.map_run = map_runs.id
)
SELECT id FROM below;

INSERT OR IGNORE INTO spent
SELECT log FROM invocations WHERE execution IN (SELECT id FROM doomed) AND log <> '';

DELETE FROM events WHERE execution IN (SELECT id FROM doomed);
DELETE FROM invocations WHERE execution IN (SELECT id FROM doomed);
DELETE FROM inbox WHERE execution IN (SELECT id FROM doomed);
DELETE FROM tasks WHERE execution IN (SELECT id FROM doomed);
DELETE FROM map_runs WHERE execution IN (SELECT id FROM doomed);
DELETE FROM executions WHERE id IN (SELECT id FROM doomed);
DELETE FROM doomed;
