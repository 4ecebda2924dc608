-- unsafe: the first chunk decides for all
-- refused: table log

INSERT INTO log SELECT v.visit_id, v.person, 1 FROM src.visits v WHERE NOT EXISTS (SELECT 1 FROM log l WHERE l.what = v.person);
