-- safe: a total of the key beside each visit

INSERT INTO log SELECT v.visit_id, v.kind, (SELECT sum(w.minutes) FROM src.visits w
    WHERE w.visit_date = v.visit_date AND w.person = v.person) FROM src.visits v;
