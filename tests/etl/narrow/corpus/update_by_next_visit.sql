-- safe: the next visit is of the same key, and unique numbers tell the chunk

WITH next AS (
    SELECT visit_id, lead(visit_id) OVER (PARTITION BY visit_date, person ORDER BY starts_at, visit_id) AS next_id
    FROM src.visits)
UPDATE conflicts SET other_id = next.visit_id FROM next WHERE conflicts.visit_id = next.next_id;
