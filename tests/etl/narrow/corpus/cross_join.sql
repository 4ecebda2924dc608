-- unsafe: every visit with every other
-- refused: join of a and b

INSERT INTO pairs SELECT a.visit_id, b.visit_id, 'x' FROM src.visits a, src.visits b WHERE a.minutes = b.minutes AND a.visit_id < b.visit_id AND a.carer_id = 3;
