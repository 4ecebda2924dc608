-- unsafe: a sample of each chunk
-- refused: TABLESAMPLE

INSERT INTO log SELECT visit_id, 's', 1 FROM src.visits TABLESAMPLE BERNOULLI (10);
