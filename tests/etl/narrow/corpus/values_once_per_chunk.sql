-- unsafe: one row for each chunk
-- refused: INSERT of log

INSERT INTO log VALUES (0, 'begin', 0);
INSERT INTO log SELECT visit_id, kind, minutes FROM src.visits;
