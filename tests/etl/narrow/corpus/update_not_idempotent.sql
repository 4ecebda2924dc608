-- safe: doing a row twice would show

UPDATE results r SET total = r.total + v.minutes FROM src.visits AS v JOIN carers c ON c.carer_id = v.carer_id
WHERE v.visit_id = r.visit_id AND c.region = 'north';
