-- safe: each target row is tied by its unique number

UPDATE results SET label = v.kind, minutes = v.minutes FROM src.visits v WHERE v.visit_id = results.visit_id AND NOT v.cancelled;
