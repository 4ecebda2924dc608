-- safe: both sides carry the key

INSERT INTO log (what, n) SELECT u.person, u.visit_date - date '2026-01-01' FROM (
    SELECT visit_date, person FROM src.visits EXCEPT SELECT visit_date, person FROM src.visits WHERE kind = 'meal') u;
