-- safe: visit_no is unique and NOT NULL

UPDATE results AS r SET label = coalesce(v.note, 'none') || c.name
FROM src.visits v LEFT JOIN carers c USING (carer_id) WHERE r.visit_no = v.visit_no;
