-- safe: WITH after WITH, the key carried along

WITH counted AS (SELECT visit_date AS d, person AS p, kind FROM src.visits WHERE NOT cancelled),
     grouped (day, who, n) AS (SELECT d, p, count(*) FROM counted GROUP BY d, p)
INSERT INTO log (what, n) SELECT who, sum(n) FROM grouped GROUP BY day, who;
