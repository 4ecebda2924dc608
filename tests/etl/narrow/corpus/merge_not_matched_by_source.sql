-- unsafe: each chunk misses the rows of all others
-- refused: NOT MATCHED BY SOURCE

MERGE INTO results r USING src.visits v ON r.visit_id = v.visit_id
WHEN MATCHED THEN UPDATE SET label = v.kind WHEN NOT MATCHED BY SOURCE THEN UPDATE SET label = 'lost';
