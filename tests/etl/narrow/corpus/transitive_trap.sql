-- unsafe: a value equal to a part of the key is not a tie
-- refused: join of a and b

INSERT INTO pairs SELECT a.visit_id, b.visit_id, 't' FROM src.visits a JOIN src.visits b ON a.note = b.person OR a.kind = b.kind
WHERE a.carer_id = 4 AND b.carer_id = 5;
