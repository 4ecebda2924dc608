-- safe: groups are never split

INSERT INTO log SELECT min(visit_id), person, sum(minutes) FROM src.visits GROUP BY visit_date, person;
