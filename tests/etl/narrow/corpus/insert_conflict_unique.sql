-- safe: the conflict is on the visit's unique number

INSERT INTO results AS r (visit_id, visit_no, minutes, label) SELECT visit_id, visit_no, minutes, 'new' FROM src.visits WHERE minutes > 20
ON CONFLICT (visit_id) DO UPDATE SET label = excluded.label || r.label, minutes = r.minutes + excluded.minutes WHERE r.label <> 'gone';
