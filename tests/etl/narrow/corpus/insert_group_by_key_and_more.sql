-- safe: finer than the key

INSERT INTO log SELECT count(*), kind || coalesce(person, '?'), count(DISTINCT carer_id) FROM src.visits
GROUP BY person, kind, visit_date HAVING count(*) > 0;
