-- What the corpus works on: visits are the driving table, with its key (visit_date, person); both may be NULL.

CREATE SCHEMA src;

CREATE TABLE src.visits (
    visit_id   int PRIMARY KEY,
    visit_no   text NOT NULL UNIQUE,
    visit_date date,
    person     text,
    carer_id   int NOT NULL,
    carer_seq  int NOT NULL,
    kind       text NOT NULL,
    minutes    int NOT NULL,
    starts_at  timestamp NOT NULL,
    ends_at    timestamp NOT NULL,
    cancelled  boolean NOT NULL,
    parent_id  int,
    note       text,
    UNIQUE (carer_id, carer_seq)
);
CREATE INDEX ON src.visits (visit_date, person);

CREATE TABLE carers (carer_id int PRIMARY KEY, name text NOT NULL, region text NOT NULL);
CREATE TABLE kinds (kind text PRIMARY KEY, together boolean NOT NULL, rate numeric NOT NULL);
CREATE TABLE persons (person text PRIMARY KEY, district text NOT NULL, born date);
CREATE TABLE holidays (visit_date date PRIMARY KEY, name text);

CREATE TABLE results (
    visit_id   int PRIMARY KEY,
    visit_no   text,
    visit_date date,
    person     text,
    minutes    int,
    label      text,
    total      bigint
);
CREATE TABLE conflicts (visit_id int PRIMARY KEY, other_id int, label text, found_on date);
CREATE TABLE daily (
    visit_date date NOT NULL,
    person     text NOT NULL,
    visits     bigint NOT NULL DEFAULT 0,
    minutes    bigint NOT NULL DEFAULT 0,
    label      text,
    PRIMARY KEY (visit_date, person)
);
CREATE TABLE totals (person text PRIMARY KEY, visits bigint NOT NULL, minutes bigint NOT NULL);
CREATE TABLE log (visit_id int, what text, n bigint);
CREATE TABLE pairs (one int NOT NULL, other int NOT NULL, label text);
CREATE TABLE "Odd Names" ("Visit Id" int PRIMARY KEY, "select" text);
CREATE TABLE numbered (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, visit_id int NOT NULL, what text);
CREATE SEQUENCE numbers;

CREATE VIEW open_visits AS SELECT * FROM src.visits WHERE NOT cancelled;
CREATE VIEW regions AS SELECT carer_id, region, length(name) AS letters FROM carers;
CREATE VIEW dice AS SELECT carer_id, random() AS luck FROM carers;

CREATE FUNCTION total_visits() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM src.visits';
CREATE FUNCTION shout(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper(t) || chr(33)';

INSERT INTO carers SELECT n, 'carer ' || n, (array['north', 'south', 'east'])[1 + n % 3] FROM generate_series(1, 25) n;
INSERT INTO kinds VALUES ('care', false, 30), ('lift', true, 45), ('meal', false, 12.5), ('night', false, 60);
INSERT INTO persons
    SELECT 'p' || lpad(n::text, 2, '0'), 'district ' || n % 5, date '1940-01-01' + n * 100 FROM generate_series(1, 55) n;
INSERT INTO holidays SELECT date '2026-01-01' + n * 7, 'holiday ' || n FROM generate_series(0, 5) n;

-- 2,000 visits: keys of one to five rows, one of 200, and NULLs in either column or in both.
INSERT INTO src.visits
    SELECT n, 'V' || lpad(n::text, 5, '0'), day, person, carer, row_number() OVER (PARTITION BY carer ORDER BY n),
        (array['care', 'lift', 'meal', 'night'])[1 + (n * 13) % 4], 10 + (n * 7) % 90, at,
        at + make_interval(mins => 10 + (n * 7) % 90), n % 11 = 0, CASE WHEN n % 5 = 0 THEN 1 + (n * 37) % 2000 END,
        CASE WHEN n % 7 = 0 THEN 'note ' || n % 3 END
    FROM (
        SELECT n, 1 + (n * 17) % 25 AS carer,
            timestamp '2026-01-01' + make_interval(days => (n * 29) % 40, mins => (n * 41) % 1440) AS at,
            CASE WHEN n % 10 = 0 THEN date '2026-01-20' WHEN n % 61 = 0 THEN NULL
                ELSE date '2026-01-01' + (n * 29) % 40 END AS day,
            CASE WHEN n % 10 = 0 THEN 'p07' WHEN n % 43 = 0 THEN NULL
                ELSE 'p' || lpad((1 + (n * 31) % 60)::text, 2, '0') END AS person
        FROM generate_series(1, 2000) n) made;
UPDATE src.visits SET visit_date = NULL, person = NULL WHERE visit_id IN (3, 33, 333, 1333);

INSERT INTO results SELECT visit_id, visit_no, visit_date, person, minutes, 'old', 1 FROM src.visits WHERE visit_id % 2 = 0;
INSERT INTO results SELECT n, 'gone ' || n, '2025-12-31', 'p01', 5, 'gone', 2 FROM generate_series(5001, 5020) n;
INSERT INTO conflicts SELECT visit_id, NULL, 'old', '2025-12-01' FROM src.visits WHERE visit_id % 3 = 0;
INSERT INTO daily (visit_date, person, visits, minutes, label)
    SELECT DISTINCT visit_date, person, 1, 1, 'old' FROM src.visits
    WHERE visit_date < '2026-01-25' AND person IS NOT NULL;
INSERT INTO totals SELECT person, 0, 0 FROM persons;
INSERT INTO log SELECT n, 'before', n FROM generate_series(1, 10) n;
INSERT INTO "Odd Names" SELECT visit_id, 'old' FROM src.visits WHERE visit_id <= 500;
ANALYZE;
