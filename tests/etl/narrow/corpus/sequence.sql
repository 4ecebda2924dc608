-- unsafe: numbers in another order
-- refused: function nextval()

INSERT INTO log SELECT visit_id, 'n', nextval('numbers') FROM src.visits;
