-- safe: every visit in its own chunk

DELETE FROM src.visits WHERE cancelled AND note IS NULL;
