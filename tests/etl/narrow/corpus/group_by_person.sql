-- unsafe: coarser than the key
-- refused: GROUP BY

INSERT INTO log (what, n) SELECT person, count(*) FROM src.visits GROUP BY person;
