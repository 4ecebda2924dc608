"""When a pipeline runs by itself: an expression of EventBridge Scheduler, its time zone, and the run's parameters.

Stepwell is no scheduler: on AWS EventBridge Scheduler starts the runs, on a machine cron or systemd does. This file
holds what an expression means (https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html).
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

MONTH = 730.5  # hours of a month: what a bill by the month is reckoned with
_RATE = re.compile(r"rate\(\s*([1-9]\d{0,8})\s+(minute|hour|day)(s?)\s*\)")
_CRON = re.compile(r"cron\(([^()]*)\)")
_MINUTES = {"minute": 1, "hour": 60, "day": 1440}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")  # 1 to 7: AWS counts from Sunday


class Field(NamedTuple):
    """One of the six fields of a cron expression: its name, its least and greatest value, words for values."""

    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()


FIELDS = (
    Field("minutes", 0, 59),
    Field("hours", 0, 23),
    Field("day of month", 1, 31),
    Field("month", 1, 12, _MONTHS),
    Field("day of week", 1, 7, _DAYS),
    Field("year", 1970, 2199),
)


class Schedule:
    """`Schedule("cron(0 3 * * ? *)", timezone="Europe/Berlin", input={"days": 7})`: every night at three in Berlin.

    `expression` is `cron(minutes hours day-of-month month day-of-week year)` or `rate(1 day)`, as EventBridge Scheduler
    has them; `input` are the parameters that a scheduled run gets. An expression alone can be given as text.
    """

    __slots__ = ("expression", "input", "timezone")

    def __init__(self, expression: str, timezone: str = "UTC", input: Mapping[str, Any] | None = None) -> None:  # noqa: A002
        self.expression = expression
        self.timezone = timezone
        self.input: dict[str, Any] = dict(input or {})

    def __repr__(self) -> str:
        return f"Schedule({self.expression!r}, timezone={self.timezone!r})"

    def mistakes(self) -> list[tuple[str, str]]:
        """What is wrong, and the remedy."""
        found = [] if (wrong := self._wrong()) is None else [(f"schedule {self.expression!r}", wrong)]
        if not _is_zone(self.timezone):
            found.append((f"Schedule(timezone={self.timezone!r})", "give a name like 'Europe/Berlin', or 'UTC'"))
        return found

    @property
    def every(self) -> int | None:
        """Of a rate, its minutes; None of a cron expression."""
        match = _RATE.fullmatch(self.expression)
        return None if match is None else int(match[1]) * _MINUTES[match[2]]

    @property
    def fields(self) -> tuple[str, ...]:
        """The six fields of a cron expression, in upper case; () of a rate."""
        match = _CRON.fullmatch(self.expression)
        return tuple(match[1].upper().split()) if match else ()

    def runs_per_month(self) -> float:
        """How often it runs in a month of 730.5 hours; of a cron expression, the mean of the years that it names."""
        if self.every is not None:
            return MONTH * 60 / self.every
        minutes, hours, *date = (self.fields + ("*",) * 6)[:6]
        return len(values(minutes, FIELDS[0])) * len(values(hours, FIELDS[1])) * _days_a_year(*date[:3]) / 12

    def _wrong(self) -> str | None:
        """The remedy for its expression, if it is wrong."""
        if not isinstance(self.expression, str):
            return "give text like 'cron(0 3 * * ? *)' or 'rate(1 day)'"
        rate = _RATE.fullmatch(self.expression)
        if rate is not None:
            plural = int(rate[1]) > 1
            return None if bool(rate[3]) == plural else f"write {rate[2]}{'s' if plural else ''} after {rate[1]}"
        if _CRON.fullmatch(self.expression) is None:
            return "write cron(minutes hours day-of-month month day-of-week year) or rate(number unit)"
        if len(self.fields) != 6:
            return f"a cron expression of AWS has six fields, the last one is the year; here are {len(self.fields)}"
        for text, field in zip(self.fields, FIELDS, strict=True):
            if not _is_field(text, field):
                return (
                    f"{text!r} cannot stand for {field.name}; give {field.low} to {field.high}, lists, ranges, * or /"
                )
        if (self.fields[2] == "?") == (self.fields[4] == "?"):
            return "AWS wants ? in exactly one of day-of-month and day-of-week"
        return None


def values(text: str, field: Field) -> list[int]:
    """The values that a field means: of `1,5-7`, `*`, `0/15`, `MON-FRI`. Raises ValueError if it means none."""
    found: set[int] = set()
    for part in text.split(","):
        base, slash, step = part.partition("/")
        low, high = _range(base, field)
        high = field.high if slash and "-" not in base else high
        if slash and (not step.isdigit() or int(step) < 1):
            raise ValueError(part)
        found.update(range(low, high + 1, int(step or 1)))
    return sorted(found)


def _range(text: str, field: Field) -> tuple[int, int]:
    if text in ("*", "?"):
        return field.low, field.high
    first, dash, last = text.partition("-")
    low = _value(first, field)
    high = _value(last, field) if dash else low
    if low > high:
        raise ValueError(text)
    return low, high


def _value(text: str, field: Field) -> int:
    number = field.words.index(text) + field.low if text in field.words else int(text)
    if not field.low <= number <= field.high:
        raise ValueError(text)
    return number


def is_special(text: str) -> bool:
    """Whether a day is meant in words that only AWS knows: the last, the nearest weekday, the third Friday."""
    return bool(re.fullmatch(r"L|LW|\d{1,2}W|[A-Z1-7]+L|[A-Z1-7]+#[1-5]", text))


def _is_field(text: str, field: Field) -> bool:
    if field.name.startswith("day") and is_special(text):
        return True
    if text == "?":
        return field.name.startswith("day")
    try:
        return bool(values(text, field))
    except ValueError:
        return False


def _days_a_year(day: str, month: str, weekday: str) -> float:
    """On how many days of a year, in the mean."""
    share = len(values(month, FIELDS[3])) / 12
    if is_special(day) or is_special(weekday):
        return 12 * share * (52.18 / 12 if re.fullmatch(r"[A-Z1-7]", weekday) else 1)
    if weekday == "?":
        months = [31, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        days = values(day, FIELDS[2])
        return sum(sum(min(1.0, max(0.0, months[m - 1] - d + 1)) for d in days) for m in values(month, FIELDS[3]))
    return 365.25 * share * len(values(weekday, FIELDS[4])) / 7


def _is_zone(name: object) -> bool:
    if not isinstance(name, str):
        return False
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return name == "UTC"
    return True
