-- unsafe: the next visit of the person may be in another chunk
-- refused: join of v and n

INSERT INTO pairs SELECT v.visit_id, n.visit_id, v.person FROM src.visits v CROSS JOIN LATERAL (
    SELECT w.visit_id FROM src.visits w WHERE w.person = v.person AND w.starts_at > v.starts_at) n WHERE v.kind = 'night';
