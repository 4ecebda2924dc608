-- unsafe: an expression of the key is coarser than the key
-- refused: GROUP BY

INSERT INTO log (what, n) SELECT date_trunc('month', visit_date)::text, count(*) FROM src.visits GROUP BY date_trunc('month', visit_date), person;
