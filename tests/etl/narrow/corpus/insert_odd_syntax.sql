-- safe: what other parsers misread

INSERT INTO log SELECT visit_id, 'xy' /* a comment; with -- marks */, @ (-minutes) + 1_000 + 0x1F FROM src.visits -- WHERE false
WHERE kind IN (VALUES ('care'), ('meal'));
