-- safe: a new WHERE is made

UPDATE src.visits SET (note, minutes) = (kind || minutes, minutes * 2) RETURNING visit_id;
