-- unsafe: a view with a function that is not the same twice
-- refused: function random()

INSERT INTO log SELECT v.visit_id, d.luck::text, 1 FROM src.visits v JOIN dice d USING (carer_id);
