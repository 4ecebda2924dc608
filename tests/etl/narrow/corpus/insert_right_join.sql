-- safe: the kept side is on the right

INSERT INTO log SELECT v.visit_id, p.district, 1 FROM persons p RIGHT JOIN src.visits v ON p.person = v.person;
