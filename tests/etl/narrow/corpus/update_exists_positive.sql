-- safe: a target row is found by one visit

UPDATE conflicts c SET label = 'night' WHERE EXISTS (SELECT FROM src.visits v WHERE v.visit_id = c.visit_id AND v.kind = 'night');
