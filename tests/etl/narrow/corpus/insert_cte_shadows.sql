-- safe: a WITH name hides the table of the same name

WITH visits AS (SELECT visit_id, minutes FROM src.visits WHERE kind = 'lift')
INSERT INTO log SELECT visits.visit_id, 'lift', visits.minutes FROM visits;
