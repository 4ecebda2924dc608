"""What a forecast looks like: a line for each measure of each task, and what is to be done about it."""

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

from stepwell.cli.terminal import Terminal, count, duration, table
from stepwell.insight.forecast import GROWS, OVER, RECENT, ROWS, SECONDS, STEADY, TOO_LITTLE, Forecast, Outlook
from stepwell.insight.trend import ENOUGH

if TYPE_CHECKING:
    from stepwell.cli.cutting import Proposal

_NAMES = {SECONDS: "time", ROWS: "rows"}


def lines(terminal: Terminal, pipeline: str, forecasts: list[Forecast]) -> Iterator[str]:
    runs = max((each.runs for each in forecasts), default=0)
    yield f"{terminal.bold(pipeline)}: {count(runs)} run{'' if runs == 1 else 's'} looked at"
    if all(outlook.state == TOO_LITTLE for each in forecasts for outlook in each.outlooks):
        days = max((outlook.days for each in forecasts for outlook in each.outlooks), default=0)
        yield f"Too little history to see a trend: runs of {ENOUGH} different days are needed, there are {days}."
    else:
        yield ""
        yield from _table(terminal, [o for each in forecasts for o in each.outlooks if o.level is not None])
    for each in forecasts:
        if each.timeouts:
            of = min(each.runs, RECENT)
            yield terminal.red(f"{each.task} ran into its timeout in {each.timeouts} of its last {of} runs")


def _table(terminal: Terminal, outlooks: list[Outlook]) -> Iterator[str]:
    rows = [
        [o.task, _NAMES[o.measure], _value(o, o.level or 0), _growth(o), _value(o, o.limit), *_when(o)]
        for o in outlooks
    ]
    head, *body = table(("TASK", "", "NOW", "A WEEK", "LIMIT", "REACHED", "95 % BETWEEN"), rows, right=(2, 3, 4))
    yield terminal.bold(head)
    for outlook, line in zip(outlooks, body, strict=True):
        colour = "red" if outlook.state == OVER else "yellow" if outlook.is_due else None
        yield terminal.paint(line, colour) if colour else line


def _value(outlook: Outlook, value: float) -> str:
    return duration(max(0.0, value)) if outlook.measure == SECONDS else count(round(value))


def _growth(outlook: Outlook) -> str:
    if not outlook.growth or not outlook.level:
        return ""
    return f"+{100 * outlook.growth / outlook.level:.1f} %"


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


def proposed(terminal: Terminal, found: "Proposal") -> Iterator[str]:
    """What to do about a task."""
    from stepwell.insight.cost import money

    yield f"{terminal.bold(found.task)}: cut it into chunks"
    yield f"  {found.why}"
    if found.seconds:
        then = f"takes about {duration(found.seconds)} then"
        yield f"  {then}; a run costs {money(found.in_chunks)}, whole {money(found.whole)}"
    if found.make_index:
        yield f"  {terminal.yellow('!')} it needs an index: {found.make_index}"
    yield from (f"  {_painted(terminal, line)}" for line in found.diff.splitlines())
    yield f"  stepwell forecast --diff {found.task} | patch -p0 && stepwell prove {found.task}"


def _painted(terminal: Terminal, line: str) -> str:
    if line.startswith(("+++", "---", "@@")):
        return terminal.dim(line)
    return terminal.green(line) if line.startswith("+") else terminal.red(line) if line.startswith("-") else line
