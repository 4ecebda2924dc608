-- safe: parameters stay as they are

INSERT INTO log SELECT visit_id, person, :limit::int FROM src.visits WHERE visit_date >= :as_of AND person <> :person AND minutes > :limit;
