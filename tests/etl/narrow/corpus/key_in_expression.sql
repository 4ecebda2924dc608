-- safe: the key is there, but inside of an expression (refused)

INSERT INTO log (what, n) SELECT coalesce(person, '?'), count(*) FROM src.visits GROUP BY visit_date, coalesce(person, '?'), person || '';
