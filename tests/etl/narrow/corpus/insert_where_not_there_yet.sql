-- safe: reads the target, but by the visit's own number

INSERT INTO results (visit_id, visit_no, label) SELECT v.visit_id, v.visit_no, 'added' FROM src.visits v
WHERE NOT EXISTS (SELECT 1 FROM results r WHERE r.visit_id = v.visit_id);
