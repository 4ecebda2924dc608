-- unsafe: the target numbers its rows
-- refused: default of numbered.id

INSERT INTO numbered (visit_id, what) SELECT visit_id, kind FROM src.visits;
