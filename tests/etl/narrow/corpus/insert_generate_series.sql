-- safe: rows made of a row

INSERT INTO log SELECT v.visit_id, 'day', extract(day FROM d) FROM src.visits v CROSS JOIN generate_series(v.visit_date, v.visit_date + 2, interval '1 day') d
WHERE v.minutes > 70;
