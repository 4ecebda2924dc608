-- safe: one row for each key

UPDATE daily SET visits = s.n, minutes = daily.minutes + s.m
FROM (SELECT visit_date, person, count(*) AS n, sum(minutes) AS m FROM src.visits GROUP BY visit_date, person) s
WHERE s.visit_date = daily.visit_date AND s.person = daily.person;
