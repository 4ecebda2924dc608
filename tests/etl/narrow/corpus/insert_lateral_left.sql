-- safe: a lateral subquery that may find nothing

INSERT INTO log SELECT v.visit_id, n.name, n.letters FROM src.visits v LEFT JOIN LATERAL (
    SELECT c.name, length(c.name) AS letters FROM carers c WHERE c.carer_id = v.carer_id) n ON true;
