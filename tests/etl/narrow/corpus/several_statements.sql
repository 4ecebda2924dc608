-- safe: each one is safe by itself

SET LOCAL work_mem = '8MB';
DELETE FROM conflicts c USING src.visits v WHERE v.visit_id = c.visit_id;
INSERT INTO conflicts (visit_id, label) SELECT visit_id, 'fresh' FROM src.visits WHERE minutes > 50;
UPDATE src.visits SET note = 'done' WHERE minutes > 50;
