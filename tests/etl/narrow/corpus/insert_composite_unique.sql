-- safe: GROUP BY a unique constraint of two columns

INSERT INTO log (what, n) SELECT 'c' || carer_id, sum(minutes) FROM src.visits GROUP BY carer_id, carer_seq;
