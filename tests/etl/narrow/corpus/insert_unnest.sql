-- safe: a function in FROM, from the row itself

INSERT INTO log SELECT v.visit_id, part, n FROM src.visits v, unnest(string_to_array(v.visit_no || ' ' || v.kind, ' ')) WITH ORDINALITY AS u (part, n);
