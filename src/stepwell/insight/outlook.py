"""A forecast in words: for each measure of a task where it is, how it grows, and when it reaches its limit."""

from datetime import date
from typing import NamedTuple

from stepwell.insight.forecast import GROWS, OVER, RECENT, ROWS, SECONDS, STEADY, TOO_LITTLE, Forecast, Outlook
from stepwell.insight.trend import ENOUGH
from stepwell.insight.words import count, duration

_NAMES = {SECONDS: "time", ROWS: "rows"}


class Row(NamedTuple):
    """What a table has in its columns of an outlook."""

    task: str
    measure: str
    now: str
    growth: str
    limit: str
    reached: str
    between: str


def row(outlook: Outlook) -> Row:
    level = outlook.level or 0
    growth = f"+{100 * outlook.growth / level:.1f} %" if outlook.growth and level else ""
    limit = _value(outlook, outlook.limit)
    return Row(outlook.task, _NAMES[outlook.measure], _value(outlook, level), growth, limit, *_when(outlook))


def too_little(forecasts: list[Forecast]) -> str:
    """That nothing can be forecast yet; "" where something can."""
    outlooks = [outlook for each in forecasts for outlook in each.outlooks]
    if any(outlook.state != TOO_LITTLE for outlook in outlooks):
        return ""
    days = max((outlook.days for outlook in outlooks), default=0)
    return f"Too little history to see a trend: runs of {ENOUGH} different days are needed, there are {days}."


def timeouts(forecast: Forecast) -> str:
    """How often it ran into its timeout lately; "" if it never did."""
    of = min(forecast.runs, RECENT)
    told = f"{forecast.task} ran into its timeout in {forecast.timeouts} of its last {of} runs"
    return told if forecast.timeouts else ""


def _value(outlook: Outlook, value: float) -> str:
    return duration(max(0.0, value)) if outlook.measure == SECONDS else count(round(value))


def _when(outlook: Outlook) -> tuple[str, str]:
    if outlook.state == OVER:
        return "is over", ""
    if outlook.reached is not None and outlook.earliest is not None and outlook.latest is not None:
        return _day(outlook.reached), _span(outlook.earliest, outlook.latest)
    told = {STEADY: "steady", GROWS: "not within a year", TOO_LITTLE: "too few days"}[outlook.state]
    return told, "" if outlook.since is None else f"since a step on {_day(outlook.since)}"


def _span(first: date, last: date) -> str:
    """2026-12-11 and 12-25: a year is said once."""
    return f"{_day(first)} and {last:%m-%d}" if first.year == last.year else f"{_day(first)} and {_day(last)}"


def _day(day: date) -> str:
    return f"{day:%Y-%m-%d}"
