"""The decisions: (machine, execution, now) → new events and new work. Pure: no clock, no dice of its own, no I/O."""
