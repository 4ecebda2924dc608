-- safe: windows by the key and more, as in conflicts of visits

WITH ordered AS (
    SELECT visit_id, person, NOT cancelled AS counts, starts_at,
        max(ends_at) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS busy_until
    FROM src.visits WINDOW w AS (PARTITION BY visit_date, person, cancelled ORDER BY starts_at, visit_id))
MERGE INTO conflicts c USING ordered ON c.visit_id = ordered.visit_id
WHEN MATCHED AND ordered.busy_until > ordered.starts_at THEN UPDATE SET label = 'again', found_on = :as_of
WHEN NOT MATCHED AND ordered.counts AND busy_until > starts_at THEN INSERT (visit_id, label, found_on) VALUES (ordered.visit_id, 'new', :as_of::date);
