-- The look-back window: the visits of the last so many days, the day of as_of included.
--
-- A visit without a date is still to be planned. It may be given any day, so it is always in view.

SELECT visit_id, visit_date, person, carer_id, kind, cancelled, starts_at, ends_at
FROM care.visits
WHERE visit_date > :as_of::date - :days::int AND visit_date <= :as_of::date
   OR visit_date IS NULL
