-- safe: joined by the whole key

INSERT INTO pairs SELECT a.visit_id, b.visit_id, a.kind || b.kind FROM src.visits a JOIN src.visits b
    ON (a.visit_date, a.person) = (b.visit_date, b.person) AND a.visit_id < b.visit_id AND a.kind <> b.kind;
