-- safe: the recursion goes over another table

WITH RECURSIVE days (d) AS (SELECT 1 UNION ALL SELECT d + 1 FROM days WHERE d < 3)
INSERT INTO log SELECT v.visit_id, 'copy', days.d FROM src.visits v, days WHERE v.minutes > 60;
