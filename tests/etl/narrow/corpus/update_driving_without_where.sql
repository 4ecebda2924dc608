-- safe: the whole table, chunk by chunk

UPDATE src.visits AS v SET note = upper(v.kind) WHERE v.minutes > 0;
