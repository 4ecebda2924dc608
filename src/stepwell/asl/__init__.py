"""The States Language: what a state machine means. Pure: no clock, no dice of its own, no input or output."""
