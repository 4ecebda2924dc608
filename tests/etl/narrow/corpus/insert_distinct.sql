-- safe: the whole key is in the row

INSERT INTO log (what, n) SELECT d.person || d.kind, d.visit_date - date '2026-01-01'
FROM (SELECT DISTINCT visit_date, person, kind FROM src.visits) AS d;
