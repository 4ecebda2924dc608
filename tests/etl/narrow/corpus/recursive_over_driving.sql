-- unsafe: from a visit to its parent, wherever that is
-- refused: WITH RECURSIVE

WITH RECURSIVE up AS (
    SELECT visit_id, parent_id, 1 AS depth FROM src.visits
    UNION ALL SELECT up.visit_id, v.parent_id, up.depth + 1 FROM up JOIN src.visits v ON v.visit_id = up.parent_id WHERE up.depth < 4)
INSERT INTO log SELECT visit_id, 'depth', max(depth) FROM up GROUP BY visit_id;
