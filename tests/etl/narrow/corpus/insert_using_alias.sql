-- safe: JOIN … USING … AS

INSERT INTO log SELECT v.visit_id, j.kind, v.minutes FROM src.visits v JOIN kinds USING (kind) AS j;
