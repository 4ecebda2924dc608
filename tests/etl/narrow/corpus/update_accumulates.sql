-- unsafe: a total that several chunks add to
-- refused: UPDATE of totals

UPDATE totals t SET visits = t.visits + 1, minutes = t.minutes + s.m
FROM (SELECT visit_date, person, sum(minutes) AS m FROM src.visits GROUP BY visit_date, person) s WHERE s.person = t.person;
