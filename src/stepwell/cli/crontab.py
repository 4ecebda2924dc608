"""A schedule of EventBridge Scheduler in the words of cron and systemd, where they have words for it."""

from stepwell.errors import UsageError
from stepwell.pipeline.schedule import FIELDS, Schedule, is_special, values

_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")


def crontab(schedule: Schedule) -> str:
    """The five fields of a crontab line. UsageError for what cron cannot say."""
    if schedule.every is not None:
        return _rate(schedule)
    minutes, hours, day, month, weekday, year = schedule.fields
    if year != "*":
        raise UsageError(f"cron has no years: {schedule.expression}; `--as systemd` has")
    for text in (day, weekday):
        if is_special(text):
            raise UsageError(f"cron cannot say {text!r} of {schedule.expression}; `--as systemd` can say L")
    numbered = "*" if weekday in ("*", "?") else ",".join(str(n - 1) for n in values(weekday, FIELDS[4]))
    named = "*" if month == "*" else ",".join(map(str, values(month, FIELDS[3])))
    return " ".join([_stepped(minutes, 0), _stepped(hours, 1), day.replace("?", "*"), named, numbered])


def _stepped(text: str, field: int) -> str:
    """`0/15` is `*/15` there."""
    if "/" not in text:
        return text
    base, _, step = text.partition("/")
    return f"*/{step}" if base in ("*", "0") else ",".join(map(str, values(text, FIELDS[field])))


def _rate(schedule: Schedule) -> str:
    every = schedule.every or 0
    if every < 60 and 60 % every == 0:
        return f"*/{every} * * * *" if every > 1 else "* * * * *"
    if every % 60 == 0 and every < 1440 and 24 % (every // 60) == 0:
        return f"0 */{every // 60} * * *" if every > 60 else "0 * * * *"
    if every == 1440:
        return "0 0 * * *"
    raise UsageError(f"cron cannot say {schedule.expression}, which fits into no hour and no day; `--as systemd` can")


def on_calendar(schedule: Schedule) -> list[str]:
    """The lines of a timer's [Timer] section."""
    if schedule.every is not None:
        return ["OnBootSec=1min", f"OnUnitActiveSec={schedule.every}min"]
    minutes, hours, day, month, weekday, year = schedule.fields
    if is_special(weekday) or (is_special(day) and day != "L"):
        raise UsageError(f"systemd cannot say {schedule.expression}: it knows the last day (L), but no nearest weekday")
    days = "" if weekday in ("*", "?") else ",".join(_DAYS[n - 1] for n in values(weekday, FIELDS[4])) + " "
    months = "*" if month == "*" else ",".join(f"{n:02d}" for n in values(month, FIELDS[3]))
    dates = f"{year}-{months}~01" if day == "L" else f"{year}-{months}-{_listed(day, 2)}"
    moment = f"{days}{dates} {_listed(hours, 1)}:{_listed(minutes, 0)}:00 {schedule.timezone}"
    return [f"OnCalendar={moment}", "Persistent=true"]


def _listed(text: str, field: int) -> str:
    return "*" if text in ("*", "?") else ",".join(f"{n:02d}" for n in values(text, FIELDS[field]))
