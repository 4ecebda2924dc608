-- safe: the same with EXISTS

DELETE FROM totals t WHERE EXISTS (SELECT 1 FROM src.visits v WHERE v.person = t.person AND v.kind = 'night' AND v.minutes > 90);
