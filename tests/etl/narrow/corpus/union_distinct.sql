-- unsafe: the same kind in two chunks
-- refused: UNION

INSERT INTO log (what) SELECT kind FROM src.visits UNION SELECT kind FROM kinds;
