-- safe: the target is tied by the visit's unique number

MERGE INTO results r USING src.visits v ON r.visit_id = v.visit_id
WHEN MATCHED AND v.cancelled THEN DELETE
WHEN MATCHED THEN UPDATE SET total = r.total + v.minutes, label = v.kind
WHEN NOT MATCHED THEN INSERT (visit_id, visit_no, label) VALUES (v.visit_id, v.visit_no, 'new');
