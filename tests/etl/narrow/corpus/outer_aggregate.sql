-- unsafe: the aggregate counts the outer query's rows
-- refused: aggregate sum()

INSERT INTO log (what, n) SELECT 'all', (SELECT sum(v.minutes)) FROM src.visits v;
