-- safe: one row for each visit

INSERT INTO log SELECT v.visit_id, k.kind, v.minutes FROM src.visits v JOIN kinds k ON k.kind = v.kind WHERE NOT k.together;
