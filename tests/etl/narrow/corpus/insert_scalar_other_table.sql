-- safe: the subquery reads another table

INSERT INTO log SELECT visit_id, (SELECT max(name) FROM carers), (SELECT count(*) FROM kinds k WHERE k.kind = v.kind)
FROM src.visits v WHERE v.carer_id IN (SELECT carer_id FROM carers WHERE region <> 'east');
