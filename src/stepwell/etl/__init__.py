"""What a task does to a database: run SQL, load tables, and commit exactly once."""
