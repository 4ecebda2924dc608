-- unsafe: ranked within the person
-- refused: PARTITION BY

INSERT INTO log SELECT visit_id, 'r', rank() OVER (PARTITION BY person ORDER BY starts_at) FROM src.visits;
