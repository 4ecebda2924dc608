-- unsafe: it empties the table before each chunk
-- refused: DELETE of log

DELETE FROM log;
INSERT INTO log SELECT visit_id, kind, minutes FROM src.visits;
