-- unsafe: the target could be found again under its new number
-- refused: UPDATE of results

UPDATE results r SET visit_id = r.visit_id + 100000 FROM src.visits v WHERE v.visit_id = r.visit_id;
