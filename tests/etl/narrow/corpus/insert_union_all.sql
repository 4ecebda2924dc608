-- safe: both arms read the visits

INSERT INTO log SELECT visit_id, 'start', 1 FROM src.visits UNION ALL SELECT visit_id, 'end', 2 FROM src.visits WHERE NOT cancelled;
