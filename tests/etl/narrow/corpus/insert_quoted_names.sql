-- safe: quoted identifiers, also with a blank

INSERT INTO "Odd Names" ("Visit Id", "select") SELECT "V v".visit_id, "V v"."kind" FROM src."visits" AS "V v" WHERE "V v".visit_id > 500;
