-- unsafe: the person is in many chunks
-- refused: ON CONFLICT

INSERT INTO totals SELECT person || ' x', count(*), sum(minutes) FROM src.visits WHERE person IS NOT NULL GROUP BY visit_date, person
ON CONFLICT (person) DO NOTHING;
