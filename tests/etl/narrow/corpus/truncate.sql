-- unsafe: each chunk empties the table
-- refused: TRUNCATE

TRUNCATE log;
INSERT INTO log SELECT visit_id, kind, minutes FROM src.visits;
