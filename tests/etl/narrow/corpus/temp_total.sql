-- unsafe: the temporary table's total is a chunk's
-- refused: aggregate without GROUP BY

CREATE TEMP TABLE work ON COMMIT DROP AS SELECT visit_id, minutes FROM src.visits;
INSERT INTO log SELECT visit_id, 'share', minutes * 1000 / (SELECT sum(minutes) FROM work) FROM work;
