-- safe: every unique index of the target carries the visit's number

INSERT INTO conflicts (visit_id, label) SELECT visit_id, kind FROM src.visits ON CONFLICT DO NOTHING;
