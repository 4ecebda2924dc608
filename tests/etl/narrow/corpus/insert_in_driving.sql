-- safe: IN over the visits, by the unique number

INSERT INTO log SELECT v.visit_id, 'x', 0 FROM src.visits v WHERE v.visit_id IN (SELECT w.visit_id FROM src.visits w WHERE w.note IS NOT NULL);
