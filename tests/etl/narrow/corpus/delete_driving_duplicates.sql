-- safe: what is left is decided within the key

DELETE FROM src.visits a USING src.visits b WHERE a.visit_date = b.visit_date AND a.person = b.person AND a.kind = b.kind AND a.visit_id > b.visit_id;
