-- safe: pairs of a person on different days
-- by: person

INSERT INTO pairs SELECT a.visit_id, b.visit_id, a.person FROM src.visits a JOIN src.visits b
ON a.person = b.person AND a.visit_date < b.visit_date AND a.minutes > 85 AND b.minutes > 85;
