-- unsafe: NOT IN sees a part of the visits
-- refused: NOT IN

INSERT INTO log (what) SELECT p.person FROM persons p WHERE p.person NOT IN (SELECT v.person FROM src.visits v WHERE v.person IS NOT NULL);
