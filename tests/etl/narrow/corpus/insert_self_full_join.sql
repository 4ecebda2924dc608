-- safe: both sides are tied by the key

INSERT INTO log SELECT coalesce(a.visit_id, b.visit_id), a.kind, b.minutes
FROM (SELECT * FROM src.visits WHERE kind = 'care') a FULL JOIN (SELECT * FROM src.visits WHERE kind = 'meal') b
    ON b.visit_date = a.visit_date AND b.person = a.person;
