-- unsafe: another value each time
-- refused: function random()

INSERT INTO log SELECT visit_id, 'r', (random() * 1000000000)::int FROM src.visits;
