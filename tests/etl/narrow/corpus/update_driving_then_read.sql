-- safe: the second statement sees what the first did in its chunk

UPDATE src.visits SET minutes = minutes + 100 WHERE kind = 'care';
INSERT INTO log SELECT visit_id, 'after', minutes FROM src.visits WHERE minutes > 120;
