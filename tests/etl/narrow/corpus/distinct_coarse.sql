-- unsafe: the same kind is in many chunks
-- refused: DISTINCT

INSERT INTO log (what) SELECT DISTINCT kind FROM src.visits;
