-- unsafe: one visit of each person
-- refused: DISTINCT ON

INSERT INTO log SELECT DISTINCT ON (person) visit_id, kind, minutes FROM src.visits ORDER BY person, starts_at, visit_id;
