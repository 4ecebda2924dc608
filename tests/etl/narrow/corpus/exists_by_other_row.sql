-- unsafe: found by any child visit, in whichever chunk it is
-- refused: join of v

INSERT INTO log SELECT v.visit_id, 'x', 1 FROM src.visits v WHERE EXISTS (
    SELECT 1 FROM src.visits w JOIN carers c ON c.carer_id = v.visit_id WHERE w.parent_id = v.visit_id);
