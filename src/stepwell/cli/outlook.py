"""What a forecast looks like: a line for each measure of each task, and what is to be done about it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from stepwell.cli.terminal import Terminal, count, duration, table
from stepwell.insight.forecast import OVER, Forecast, Outlook
from stepwell.insight.outlook import row, timeouts, too_little

if TYPE_CHECKING:
    from stepwell.cli.cutting import Proposal


def lines(terminal: Terminal, pipeline: str, forecasts: list[Forecast]) -> Iterator[str]:
    runs = max((each.runs for each in forecasts), default=0)
    yield f"{terminal.bold(pipeline)}: {count(runs)} run{'' if runs == 1 else 's'} looked at"
    if told := too_little(forecasts):
        yield told
    else:
        yield ""
        yield from _table(terminal, [o for each in forecasts for o in each.outlooks if o.level is not None])
    yield from (terminal.red(told) for each in forecasts if (told := timeouts(each)))


def _table(terminal: Terminal, outlooks: list[Outlook]) -> Iterator[str]:
    heads = ("TASK", "", "NOW", "A WEEK", "LIMIT", "REACHED", "95 % BETWEEN")
    head, *body = table(heads, [row(outlook) for outlook in outlooks], right=(2, 3, 4))
    yield terminal.bold(head)
    for outlook, line in zip(outlooks, body, strict=True):
        colour = "red" if outlook.state == OVER else "yellow" if outlook.is_due else None
        yield terminal.paint(line, colour) if colour else line


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
