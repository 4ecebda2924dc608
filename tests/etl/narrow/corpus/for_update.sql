-- safe: locking rows changes nothing (refused)

INSERT INTO log SELECT visit_id, 'locked', 1 FROM (SELECT * FROM src.visits FOR UPDATE) v;
