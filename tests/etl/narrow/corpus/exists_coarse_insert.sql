-- unsafe: a person that several chunks find comes several times
-- refused: EXISTS or IN

INSERT INTO log (what) SELECT p.person FROM persons p WHERE EXISTS (SELECT 1 FROM src.visits v WHERE v.person = p.person);
