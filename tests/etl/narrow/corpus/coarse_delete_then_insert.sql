-- unsafe: a chunk deletes what another has inserted
-- refused: table daily

DELETE FROM daily d USING src.visits v WHERE d.person = v.person;
INSERT INTO daily (visit_date, person, visits) SELECT visit_date, person, count(*) FROM src.visits
WHERE visit_date IS NOT NULL AND person IS NOT NULL GROUP BY visit_date, person;
