-- safe: the whole key in a row

UPDATE daily SET label = 'many' WHERE (visit_date, person) IN (
    SELECT visit_date, person FROM src.visits GROUP BY 1, 2 HAVING count(*) > 1);
