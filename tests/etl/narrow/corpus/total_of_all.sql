-- unsafe: one row for the whole table
-- refused: aggregate without GROUP BY

INSERT INTO log (what, n) SELECT 'total', sum(minutes) FROM src.visits;
