"""Progress of tasks in chunks: one contract; SQLite on one machine, DynamoDB on AWS."""

import os

from stepwell.errors import ConfigurationError
from stepwell.progress.contract import ChunkState, NoProgress, Progress, Summary

__all__ = ["VARIABLE", "ChunkState", "NoProgress", "Progress", "Summary", "open_progress"]

VARIABLE = "STEPWELL_PROGRESS"


def open_progress(url: str | None = None) -> Progress:
    """The store that the URL names, else the environment's STEPWELL_PROGRESS; without either nothing is kept.

    `sqlite:///PATH`, `dynamodb://TABLE?region=…&endpoint=…&days=…` or `none:`. Nothing is opened before it is used.
    Raises ConfigurationError for any other text.
    """
    text = (os.environ.get(VARIABLE) if url is None else url) or "none:"
    if text == "none:":
        return NoProgress()
    if text.startswith("sqlite:///") and text != "sqlite:///":
        from stepwell.progress.sqlite import SqliteProgress

        return SqliteProgress(text.removeprefix("sqlite:///"))
    if text.startswith("dynamodb://"):
        from stepwell.progress.dynamodb import from_url

        return from_url(text)
    raise ConfigurationError(
        f"{VARIABLE} is {text!r}, which names no place for progress; it is one of sqlite:///PATH, "
        "dynamodb://TABLE, dynamodb://TABLE?region=eu-central-1, none:"
    )
