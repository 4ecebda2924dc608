-- unsafe: the second statement sees what other chunks have written
-- refused: table log

INSERT INTO log SELECT visit_id, person, minutes FROM src.visits WHERE kind = 'meal';
UPDATE results r SET total = (SELECT count(*) FROM log WHERE log.what = v.person) FROM src.visits v WHERE v.visit_id = r.visit_id;
