-- unsafe: half of one unique constraint from each of two rows
-- refused: GROUP BY

INSERT INTO log (what, n) SELECT 'm', count(*) FROM src.visits a JOIN src.visits b ON a.visit_date = b.visit_date AND a.person = b.person
GROUP BY a.carer_id, b.carer_seq;
