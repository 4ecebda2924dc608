-- unsafe: the parent is in another chunk
-- refused: join of v and p

UPDATE src.visits v SET note = p.kind FROM src.visits p WHERE p.visit_id = v.parent_id;
