-- safe: other rows, found by one visit each

INSERT INTO log SELECT r.visit_id, 'seen', r.total FROM results r WHERE r.visit_id IN (SELECT visit_id FROM src.visits WHERE cancelled);
