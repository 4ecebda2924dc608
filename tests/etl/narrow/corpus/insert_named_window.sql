-- safe: a named window with a frame

INSERT INTO log SELECT visit_id, lag(kind) OVER w, sum(minutes) OVER (w ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
FROM src.visits WINDOW w AS (PARTITION BY visit_date, person ORDER BY visit_id);
