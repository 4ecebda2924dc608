-- unsafe: a target row is reached from several chunks
-- refused: MERGE of totals

MERGE INTO totals t USING (SELECT visit_date, person, count(*) AS n FROM src.visits WHERE visit_date > '2026-02-08' GROUP BY 1, 2) s ON t.person = s.person
WHEN MATCHED THEN UPDATE SET visits = t.visits + s.n;
