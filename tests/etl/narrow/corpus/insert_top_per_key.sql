-- safe: numbered within the key

INSERT INTO log SELECT visit_id, kind, n FROM (
    SELECT v.*, row_number() OVER (PARTITION BY visit_date, person ORDER BY minutes DESC, visit_id) AS n FROM src.visits v) x
WHERE n <= 2;
