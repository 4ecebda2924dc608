-- unsafe: joined on less than the key
-- refused: join of a and b

INSERT INTO pairs SELECT a.visit_id, b.visit_id, 'p' FROM src.visits a JOIN src.visits b ON a.person = b.person AND a.visit_id < b.visit_id AND a.kind = b.kind;
