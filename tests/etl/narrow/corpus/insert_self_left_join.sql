-- safe: the optional side is tied by the key

INSERT INTO log SELECT a.visit_id, b.kind, b.minutes FROM src.visits a LEFT JOIN src.visits b
    ON b.visit_date = a.visit_date AND b.person = a.person AND b.visit_id > a.visit_id WHERE b.visit_id IS NULL OR b.minutes > 50;
