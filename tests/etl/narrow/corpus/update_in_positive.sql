-- safe: a target row is found by one visit

UPDATE conflicts SET label = 'long' WHERE visit_id IN (SELECT visit_id FROM src.visits WHERE minutes > 80) AND label = 'old';
