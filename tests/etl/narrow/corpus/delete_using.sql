-- safe: rows of the target, tied to a visit

DELETE FROM results USING src.visits v WHERE v.visit_id = results.visit_id AND v.cancelled;
