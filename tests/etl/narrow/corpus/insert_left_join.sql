-- safe: the driving table is on the kept side

INSERT INTO log (visit_id, what, n) SELECT v.visit_id, p.district, h.visit_date - date '2026-01-01'
FROM src.visits v LEFT JOIN persons p ON p.person = v.person LEFT JOIN holidays h ON h.visit_date = v.visit_date;
