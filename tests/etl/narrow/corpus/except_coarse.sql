-- unsafe: kinds of no long visit
-- refused: EXCEPT

INSERT INTO log (what) SELECT kind FROM src.visits EXCEPT SELECT kind FROM src.visits WHERE minutes > 95;
