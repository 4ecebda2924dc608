-- safe: the order inside the aggregate decides

INSERT INTO log (what, n) SELECT string_agg(kind, ',' ORDER BY starts_at, visit_id), array_length(array_agg(minutes ORDER BY visit_id), 1)
FROM src.visits GROUP BY visit_date, person;
