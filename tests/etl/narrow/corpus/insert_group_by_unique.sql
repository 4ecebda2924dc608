-- safe: a unique column is finer than any key

INSERT INTO log SELECT v.visit_id, max(c.name), count(*) FROM src.visits v JOIN carers c ON c.region = 'north'
GROUP BY v.visit_id;
