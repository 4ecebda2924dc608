-- unsafe: the other arm comes once per chunk
-- refused: UNION ALL

INSERT INTO log (what) SELECT person FROM src.visits UNION ALL SELECT district FROM persons;
