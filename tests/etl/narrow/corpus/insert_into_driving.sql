-- unsafe: new visits fall into chunks that are still to come
-- refused: INSERT INTO src.visits

INSERT INTO src.visits SELECT visit_id + 10000, 'N' || visit_no, visit_date + 1, person, carer_id, carer_seq + 10000, kind, minutes, starts_at, ends_at,
    cancelled, parent_id, note FROM src.visits;
