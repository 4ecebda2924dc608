-- safe: every visit is changed in its own chunk

UPDATE src.visits SET minutes = minutes + 1, note = 'seen' WHERE cancelled OR kind = 'care';
