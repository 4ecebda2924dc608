-- safe: the conflict is on the key

INSERT INTO daily (visit_date, person, visits, minutes) SELECT visit_date, person, count(*), sum(minutes) FROM src.visits
WHERE visit_date IS NOT NULL AND person IS NOT NULL GROUP BY visit_date, person
ON CONFLICT ON CONSTRAINT daily_pkey DO UPDATE SET visits = daily.visits + excluded.visits, minutes = excluded.minutes;
