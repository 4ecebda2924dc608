-- unsafe: the average of all visits
-- refused: scalar subquery

INSERT INTO log SELECT visit_id, 'above', minutes FROM src.visits WHERE minutes > (SELECT avg(minutes) FROM src.visits);
