-- unsafe: a function that reads the visits
-- refused: function total_visits()

DELETE FROM src.visits WHERE minutes > 60 AND total_visits() > 1500;
