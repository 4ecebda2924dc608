-- safe: the target is tied by the key

MERGE INTO daily AS d USING (SELECT visit_date, person, count(*) AS n FROM src.visits GROUP BY visit_date, person) s
ON d.visit_date = s.visit_date AND d.person = s.person
WHEN MATCHED THEN UPDATE SET visits = d.visits + s.n
WHEN NOT MATCHED AND s.visit_date IS NOT NULL AND s.person IS NOT NULL THEN INSERT (visit_date, person, visits) VALUES (s.visit_date, s.person, s.n);
