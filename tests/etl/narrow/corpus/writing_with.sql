-- safe: a row of each table belongs to one visit (refused: a data-modifying WITH)

WITH gone AS (DELETE FROM results r USING src.visits v WHERE v.visit_id = r.visit_id AND v.cancelled RETURNING r.visit_id, r.label)
INSERT INTO log SELECT visit_id, label, 0 FROM gone;
