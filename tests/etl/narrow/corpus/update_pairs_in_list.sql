-- safe: both of a pair are of one key, so either tells the chunk

UPDATE conflicts c SET label = 'pair' FROM src.visits a JOIN src.visits b
    ON a.visit_date = b.visit_date AND a.person = b.person AND a.visit_id < b.visit_id
WHERE c.visit_id IN (a.visit_id, b.visit_id) AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at;
