-- safe: ONLY, and nothing inherits from the table (refused all the same)

INSERT INTO log SELECT visit_id, 'only', 1 FROM ONLY src.visits;
