-- safe: the subquery sees the visits of the same key

INSERT INTO log SELECT v.visit_id, 'first', 1 FROM src.visits v WHERE NOT EXISTS (
    SELECT 1 FROM src.visits w WHERE w.visit_date = v.visit_date AND w.person = v.person AND w.starts_at < v.starts_at);
