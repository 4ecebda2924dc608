-- safe: the first visit of each key

INSERT INTO log SELECT DISTINCT ON (visit_date, person) visit_id, kind, minutes FROM src.visits
ORDER BY visit_date, person, starts_at, visit_id;
