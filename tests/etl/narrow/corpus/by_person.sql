-- safe: cut by the person alone, which all is grouped by
-- by: person

UPDATE totals t SET visits = s.n, minutes = t.minutes + s.m
FROM (SELECT person, count(*) AS n, sum(minutes) AS m FROM src.visits GROUP BY person) s WHERE s.person = t.person;
