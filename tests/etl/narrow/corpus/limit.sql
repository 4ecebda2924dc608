-- unsafe: ten of all, not ten of each chunk
-- refused: LIMIT

INSERT INTO log SELECT visit_id, 'top', minutes FROM src.visits ORDER BY minutes DESC, visit_id LIMIT 10;
