-- safe: the same as an outer join

INSERT INTO results (visit_id, visit_no, label) SELECT v.visit_id, v.visit_no, 'added' FROM src.visits v
LEFT JOIN results r ON r.visit_id = v.visit_id WHERE r.visit_id IS NULL;
