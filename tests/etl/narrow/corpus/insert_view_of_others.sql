-- safe: a view over other tables

INSERT INTO log SELECT v.visit_id, r.region, r.letters FROM src.visits v JOIN regions r ON r.carer_id = v.carer_id;
