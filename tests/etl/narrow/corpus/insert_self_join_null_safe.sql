-- safe: IS NOT DISTINCT FROM: NULLs meet in their own chunk

INSERT INTO pairs SELECT a.visit_id, b.visit_id, 'both' FROM src.visits a, src.visits b
WHERE a.visit_date IS NOT DISTINCT FROM b.visit_date AND a.person IS NOT DISTINCT FROM b.person AND a.visit_id < b.visit_id
    AND a.kind = b.kind;
