-- unsafe: the number is the outer visit's own, and ties nothing
-- refused: join of

INSERT INTO pairs SELECT v.visit_id, l.w_id, 'x' FROM src.visits v JOIN LATERAL (
    SELECT r.visit_id, w.visit_id AS w_id FROM results r, src.visits w WHERE r.visit_id = v.visit_id AND w.parent_id = r.visit_id) l ON l.visit_id = v.visit_id;
