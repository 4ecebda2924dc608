"""The memory: events and the catalog, in SQLite. The journal *is* the history that GetExecutionHistory shows."""
