-- safe: EXISTS inside of OR, tied to the key

INSERT INTO log SELECT v.visit_id, 'x', 0 FROM src.visits v WHERE v.cancelled OR EXISTS (
    SELECT FROM src.visits w WHERE w.visit_date = v.visit_date AND w.person = v.person AND w.kind = 'night' LIMIT 1);
