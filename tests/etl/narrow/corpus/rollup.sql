-- unsafe: subtotals and a total
-- refused: GROUPING SETS

INSERT INTO log (what, n) SELECT person, count(*) FROM src.visits GROUP BY ROLLUP (visit_date, person);
