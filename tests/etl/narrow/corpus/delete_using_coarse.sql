-- safe: a row that several chunks find is deleted all the same

DELETE FROM totals t USING src.visits v WHERE v.person = t.person AND v.kind = 'night' AND v.minutes > 95;
