-- unsafe: FETCH FIRST is a LIMIT
-- refused: LIMIT

INSERT INTO log SELECT visit_id, 'top', minutes FROM src.visits ORDER BY minutes FETCH FIRST 5 ROWS WITH TIES;
