-- unsafe: code that nobody can prove
-- refused: DO

DO $$ BEGIN INSERT INTO log SELECT count(*), 'do', 1 FROM src.visits; END $$;
INSERT INTO log SELECT visit_id, kind, minutes FROM src.visits;
