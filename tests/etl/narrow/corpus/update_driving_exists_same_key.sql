-- safe: the subquery sees the visits of the same key

UPDATE src.visits v SET note = 'double' WHERE EXISTS (
    SELECT 1 FROM src.visits w WHERE w.visit_date = v.visit_date AND w.person = v.person AND w.visit_id <> v.visit_id
        AND w.starts_at < v.ends_at AND v.starts_at < w.ends_at);
