-- safe: the group is joined by the whole key

UPDATE src.visits v SET minutes = g.m FROM (
    SELECT visit_date, person, max(minutes) AS m FROM src.visits GROUP BY visit_date, person) g
WHERE g.visit_date = v.visit_date AND g.person = v.person;
