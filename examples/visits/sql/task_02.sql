-- Two carers at one door: visits of one person that overlap on the same day are in conflict.
--
-- A visit counts when it is planned (it has a date and a person), was not cancelled, and is of a kind in which
-- carers do not work together. A visit without date or person is never in conflict: NULL is nobody's door.
-- A visit that ends at the minute in which the next one starts does not overlap it.
--
-- Each day of a person is read once, in order of time, however many visits it has: a visit overlaps an earlier
-- one if the person is still busy when it starts, and a later one if the next visit starts before it ends.
--
-- A conflict that is gone is marked as resolved and stays as history. Running this twice changes nothing.

WITH planned AS (
    SELECT
        visits.visit_id,
        visits.visit_date,
        visits.person,
        visits.starts_at,
        visits.ends_at,
        carers.region,
        visits.visit_date IS NOT NULL
            AND visits.person IS NOT NULL
            AND NOT visits.cancelled
            AND kinds.together IS NOT TRUE AS counts
    FROM staging.visits AS visits
    LEFT JOIN care.kinds AS kinds ON kinds.kind = visits.kind
    LEFT JOIN care.carers AS carers ON carers.carer_id = visits.carer_id
),

ordered AS (
    SELECT
        visit_id,
        visit_date,
        person,
        starts_at,
        ends_at,
        region,
        counts,
        max(ends_at) OVER (person_day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS busy_until,
        lead(starts_at) OVER person_day AS next_starts_at
    FROM planned
    WINDOW person_day AS (PARTITION BY visit_date, person, counts ORDER BY starts_at, visit_id)
),

judged AS (
    SELECT
        visit_id,
        visit_date,
        person,
        region,
        greatest(busy_until - starts_at, interval '0') AS delay,
        counts AND (busy_until > starts_at OR next_starts_at < ends_at) AS overlaps
    FROM ordered
)

MERGE INTO care.conflicts AS known
USING judged ON known.visit_id = judged.visit_id

WHEN MATCHED AND judged.overlaps THEN
    UPDATE SET
        visit_date = judged.visit_date,
        person = judged.person,
        region = judged.region,
        delay = judged.delay,
        resolved_on = NULL

WHEN MATCHED AND known.resolved_on IS NULL THEN
    UPDATE SET resolved_on = :as_of::date

WHEN NOT MATCHED AND judged.overlaps THEN
    INSERT (visit_id, visit_date, person, region, delay, found_on)
    VALUES (judged.visit_id, judged.visit_date, judged.person, judged.region, judged.delay, :as_of::date);
