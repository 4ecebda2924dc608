-- unsafe: a view that a chunk cannot reach into
-- refused: view over src.visits

INSERT INTO log SELECT v.visit_id, o.kind, o.minutes FROM src.visits v, open_visits o WHERE o.visit_id = v.parent_id;
