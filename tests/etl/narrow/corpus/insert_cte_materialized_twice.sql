-- safe: one WITH query, joined to itself by the key

WITH v AS MATERIALIZED (SELECT visit_id, visit_date, person, minutes FROM src.visits)
INSERT INTO pairs SELECT a.visit_id, b.visit_id, a.person FROM v a JOIN v b USING (visit_date, person) WHERE a.visit_id < b.visit_id;
