-- safe: the left side carries the key

INSERT INTO log (what) SELECT u.person FROM (
    SELECT visit_date, person FROM src.visits EXCEPT SELECT visit_date, person FROM daily) u;
