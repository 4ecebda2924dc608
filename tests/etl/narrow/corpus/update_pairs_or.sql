-- safe: the same, written with OR

UPDATE conflicts c SET label = 'pair' FROM src.visits a, src.visits b
WHERE a.visit_date = b.visit_date AND a.person = b.person AND a.visit_id < b.visit_id AND a.carer_id <> b.carer_id
    AND (c.visit_id = a.visit_id OR c.visit_id = b.visit_id);
