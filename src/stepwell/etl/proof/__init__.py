"""The judge of chunks: a task run whole, in chunks and twice, on the user's own data, compared, and rolled back."""
