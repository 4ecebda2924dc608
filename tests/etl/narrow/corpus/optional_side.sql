-- unsafe: a person without a visit comes once per chunk
-- refused: LEFT JOIN

INSERT INTO log (what, n) SELECT p.person, v.minutes FROM persons p LEFT JOIN src.visits v ON v.person = p.person;
