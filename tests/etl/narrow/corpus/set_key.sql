-- unsafe: a visit moves into another chunk
-- refused: SET visit_date

UPDATE src.visits SET visit_date = visit_date + 1 WHERE kind = 'care';
