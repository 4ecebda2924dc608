-- safe: a list, made again for each lot

CREATE TEMP TABLE chosen ON COMMIT DROP AS SELECT carer_id, name FROM carers WHERE region = 'north';
INSERT INTO log SELECT v.visit_id, c.name, 1 FROM src.visits v JOIN chosen c USING (carer_id);
