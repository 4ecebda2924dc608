-- unsafe: all but the first hundred
-- refused: OFFSET

INSERT INTO log SELECT visit_id, 'rest', minutes FROM src.visits ORDER BY visit_id OFFSET 100;
