-- safe: the lateral subquery sees the visits of the same key

INSERT INTO log SELECT v.visit_id, n.kind, n.minutes FROM src.visits v CROSS JOIN LATERAL (
    SELECT w.kind, w.minutes FROM src.visits w WHERE w.visit_date = v.visit_date AND w.person = v.person AND w.visit_id > v.visit_id
    ORDER BY w.visit_id LIMIT 1) n;
