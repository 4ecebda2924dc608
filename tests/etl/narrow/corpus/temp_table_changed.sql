-- safe: it is made by columns, filled, indexed and changed

CREATE TEMP TABLE work (visit_id int PRIMARY KEY, minutes int, label text) ON COMMIT DROP;
INSERT INTO work SELECT visit_id, minutes, kind FROM src.visits;
CREATE INDEX ON work (label);
ANALYZE work;
UPDATE work SET minutes = work.minutes * k.rate FROM kinds k WHERE k.kind = work.label;
DELETE FROM work WHERE minutes > 2000;
UPDATE results r SET total = r.total + w.minutes FROM work w WHERE w.visit_id = r.visit_id;
DROP TABLE work;
