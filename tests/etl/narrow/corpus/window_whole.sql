-- unsafe: numbered over all
-- refused: window without PARTITION BY

INSERT INTO log SELECT visit_id, 'n', row_number() OVER (ORDER BY visit_id) FROM src.visits;
