-- unsafe: the number that ties is changed on the way
-- refused: UPDATE of results

UPDATE src.visits SET visit_no = 'X' || visit_no;
UPDATE results r SET label = v.kind FROM src.visits v WHERE 'X' || r.visit_no = v.visit_no;
