-- unsafe: persons without any visit
-- refused: NOT EXISTS

DELETE FROM totals t WHERE NOT EXISTS (SELECT 1 FROM src.visits v WHERE v.person = t.person);
