-- unsafe: another plan, another order
-- refused: string_agg() without ORDER BY

INSERT INTO log (what) SELECT string_agg(visit_id::text, ',') FROM src.visits GROUP BY visit_date, person;
