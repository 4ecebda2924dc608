-- unsafe: rows of the other table come once per chunk
-- refused: FULL JOIN

INSERT INTO log (what, n) SELECT p.person, v.minutes FROM src.visits v FULL JOIN persons p ON v.person = p.person;
