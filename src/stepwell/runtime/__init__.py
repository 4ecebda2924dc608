"""The Lambda Runtime API's client: it runs in the user's process, by its path, with the standard library alone."""
