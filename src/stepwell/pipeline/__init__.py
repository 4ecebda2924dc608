"""Authoring: tasks in order become a state machine, and each knows how to do its work."""
