-- safe: FILTER and CASE

INSERT INTO log (what, n) SELECT CASE WHEN bool_or(cancelled) THEN 'some' ELSE 'none' END, count(*) FILTER (WHERE kind = 'care')
FROM src.visits GROUP BY visit_date, person;
