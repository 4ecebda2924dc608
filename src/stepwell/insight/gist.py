"""An event in one line, for lists of events."""

from typing import Any


def details(event: dict[str, Any]) -> dict[str, Any]:
    """An event has details under one key, which is named after its type."""
    return next((value for key, value in event.items() if key.endswith("EventDetails")), {})


def gist(event: dict[str, Any], most: int) -> str:
    """The one detail that tells most, in at most so many letters."""
    told = details(event)
    parts = [str(told[key]) for key in ("name", "index", "error", "cause") if key in told]
    text = " ".join(parts) or str(told.get("output") or told.get("input") or told.get("resource") or "")
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}…"
