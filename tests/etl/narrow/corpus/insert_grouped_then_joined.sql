-- safe: an aggregate, joined back by the key

INSERT INTO log SELECT v.visit_id, v.kind, g.n FROM src.visits v JOIN (
    SELECT visit_date AS d, person AS p, count(*) AS n FROM src.visits GROUP BY visit_date, person) AS g ON g.d = v.visit_date AND g.p = v.person;
