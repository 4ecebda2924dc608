-- unsafe: visits without partner meet under NULL
-- refused: GROUP BY

INSERT INTO log (what, n) SELECT b.person, count(*) FROM src.visits a LEFT JOIN src.visits b
ON b.visit_date = a.visit_date AND b.person = a.person AND b.visit_id > a.visit_id GROUP BY b.visit_date, b.person;
