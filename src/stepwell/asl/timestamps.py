"""Which texts are timestamps to Step Functions, and which moment they mean."""


def epoch(text: object) -> float | None:
    """Seconds since 1970 of an ISO-8601 date-time in the extended format with an offset; None if it is none."""
    if not isinstance(text, str) or len(text) < 17 or not text.isascii():
        return None
    moment = text.upper()
    if moment[4] + moment[7] + moment[10] + moment[13] != "--T:":
        return None
    if not (moment[-1] == "Z" or (moment[-6] in "+-" and moment[-3] == ":")):
        return None
    from datetime import datetime

    try:
        return datetime.fromisoformat(moment).timestamp()
    except ValueError:
        return None
