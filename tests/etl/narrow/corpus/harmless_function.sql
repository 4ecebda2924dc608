-- safe: a function of the user's own that does no harm (refused unless declared)

INSERT INTO log SELECT visit_id, shout(kind), 1 FROM src.visits;
