-- unsafe: each chunk would create it
-- refused: CREATE TABLE kept

CREATE TABLE kept AS SELECT visit_id FROM src.visits;
