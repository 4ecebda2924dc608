"""Business dates to be run again, or for the first time: which windows, under which names, and what became of each."""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple

from stepwell.errors import UsageError

DAY, WEEK, MONTH = "day", "week", "month"
_MOST = 10_000


class Window(NamedTuple):
    """A business date and the days that it stands for. `name` is its first day, also that of the run's window."""

    first: date
    last: date

    @property
    def name(self) -> str:
        return self.first.isoformat()

    def fill(self, value: Any) -> Any:
        """A value of the run's input, with `{window}`, `{first}` and `{last}` replaced wherever they stand in it."""
        if isinstance(value, dict):
            return {key: self.fill(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.fill(each) for each in value]
        if not isinstance(value, str):
            return value
        return value.replace("{window}", self.name).replace("{first}", self.name).replace("{last}", str(self.last))


def windows(start: date, end: date, every: str = DAY) -> list[Window]:
    """From `start` to `end`, both included, the last one cut there. UsageError if there are none, or too many."""
    if end < start:
        raise UsageError(f"--end {end} is before --start {start}")
    found = list(_windows(start, end, every))
    if len(found) > _MOST:
        raise UsageError(f"{len(found):,} windows are more than a backfill may have ({_MOST:,}): give it in parts")
    return found


def _windows(start: date, end: date, every: str) -> Iterator[Window]:
    first = start
    while first <= end:
        last = min(end, _last(first, every))
        yield Window(first, last)
        first = last + timedelta(1)


def _last(first: date, every: str) -> date:
    if every == MONTH:
        return first.replace(day=monthrange(first.year, first.month)[1])
    return first + timedelta(6 if every == WEEK else 0)


def run_name(prefix: str, window: Window) -> str:
    """What its run is always called, so that a backfill that was killed finds it again."""
    return f"{prefix}-{window.name}"
