-- safe: a window over the visits of a key

INSERT INTO log SELECT visit_id, 'rank', rank() OVER (PARTITION BY person, visit_date ORDER BY minutes) FROM src.visits;
