-- safe: a column that is equal to the key carries it

INSERT INTO log (what, n) SELECT p.person, count(*) FROM src.visits v JOIN persons p ON p.person = v.person GROUP BY v.visit_date, p.person;
