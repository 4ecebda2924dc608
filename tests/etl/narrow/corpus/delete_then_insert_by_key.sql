-- safe: both by the same columns, which are the key

DELETE FROM daily d USING (SELECT DISTINCT visit_date, person FROM src.visits) k WHERE d.visit_date = k.visit_date AND d.person = k.person;
INSERT INTO daily (visit_date, person, visits) SELECT visit_date, person, count(*) FROM src.visits
WHERE visit_date IS NOT NULL AND person IS NOT NULL GROUP BY visit_date, person;
