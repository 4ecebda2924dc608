-- unsafe: no visit of the person on a later day
-- refused: NOT EXISTS

INSERT INTO log SELECT v.visit_id, 'last', 1 FROM src.visits v WHERE NOT EXISTS (
    SELECT 1 FROM src.visits w WHERE w.person = v.person AND w.visit_date > v.visit_date);
