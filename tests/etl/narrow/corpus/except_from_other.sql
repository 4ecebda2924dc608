-- unsafe: persons without visits
-- refused: EXCEPT

INSERT INTO log (what) SELECT person FROM persons EXCEPT SELECT person FROM src.visits;
