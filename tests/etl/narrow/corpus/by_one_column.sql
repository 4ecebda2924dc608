-- safe: cut by one column that is unique
-- by: visit_id

INSERT INTO log SELECT visit_id, kind, row_number() OVER (PARTITION BY visit_id ORDER BY minutes) FROM src.visits;
