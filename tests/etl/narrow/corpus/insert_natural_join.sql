-- safe: NATURAL JOIN with a table of one common column

INSERT INTO log SELECT x.visit_id, v.name, 0 FROM (SELECT visit_id, carer_id FROM src.visits) x NATURAL JOIN carers AS v;
