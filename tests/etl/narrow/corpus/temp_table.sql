-- safe: a temporary table of the lot, used twice

CREATE TEMP TABLE work ON COMMIT DROP AS SELECT visit_id, visit_date, person, minutes FROM src.visits WHERE NOT cancelled;
INSERT INTO log SELECT visit_id, 'work', minutes FROM work;
INSERT INTO log (what, n) SELECT person, sum(minutes) FROM work GROUP BY visit_date, person;
