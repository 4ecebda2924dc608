"""When the states of a run were at work: a row for each, with a bar for each attempt and each wait in between."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from stepwell.insight.story import Story
from stepwell.insight.visit import CAUGHT, FAILED, RUNNING, SUCCEEDED, Visit

WAITING = "WAITING"  # between two attempts
_SILENT = ("Choice", "Pass", "Succeed", "Fail")  # of which there is nothing to see
MOST = 300  # rows that are shown


class Bar(NamedTuple):
    """From and until, in milliseconds since 1970; `end` is None while it is under way."""

    start: int
    end: int | None
    status: str
    told: str


class Row(NamedTuple):
    """`visit` is the event that the (last) visit began with."""

    label: str
    state: str
    visit: int
    depth: int
    status: str
    seconds: float | None
    bars: list[Bar]


class Timeline(NamedTuple):
    """`start` and `end` in milliseconds since 1970; `left_out` rows are not shown: what went well goes first."""

    rows: list[Row]
    start: int
    end: int | None
    left_out: int


def timeline(told: Story, most: int = MOST) -> Timeline | None:
    """None before anything has begun."""
    if told.started is None:
        return None
    groups: dict[tuple[Visit | None, str, int | None], list[Visit]] = {}
    for visit in told.tree():
        if visit.type not in _SILENT:
            groups.setdefault((visit.parent, visit.name, visit.index), []).append(visit)
    rows = [_row(visits, told.failed) for visits in groups.values()]
    shown = rows
    if len(rows) > most:
        wrong = sum(row.status != SUCCEEDED for row in rows)
        room = max(0, most - wrong)
        shown = []
        for row in rows:
            room -= row.status == SUCCEEDED
            if row.status != SUCCEEDED or room >= 0:
                shown.append(row)
        shown = shown[:most]
    return Timeline(shown, _ms(told.started), _maybe(told.ended), len(rows) - len(shown))


def _row(visits: list[Visit], culprit: Visit | None) -> Row:
    last = visits[-1]
    seconds = [visit.seconds for visit in visits]
    known = [each for each in seconds if each is not None]
    took = sum(known) if len(known) == len(seconds) else None
    status = next((v.status for v in visits if v.status not in (SUCCEEDED, RUNNING)), last.status)
    if culprit in visits and status == CAUGHT:  # only to end the run
        status = FAILED
    bars = [bar for visit in visits for bar in _bars(visit)]
    return Row(title(last), last.name, last.entered, last.depth, status, took, bars)


def title(visit: Visit) -> str:
    """A task is known by its own name, a part of one in chunks by its phase; iterations are counted from 0."""
    if visit.phase is not None:
        return visit.phase if visit.index is None else f"{visit.phase} {visit.index}"
    if visit.type == "Map" and visit.parent is not None and visit.parent.task:
        return "lanes"
    return visit.label if visit.index is None else f"{visit.label} #{visit.index}"


def _bars(visit: Visit) -> Iterator[Bar]:
    if not visit.attempts:
        yield Bar(_ms(visit.started), _maybe(visit.ended), visit.status, visit.status.lower())
        return
    before: datetime | None = None
    for attempt in visit.attempts:
        if before is not None:
            yield Bar(_ms(before), _ms(attempt.scheduled), WAITING, "waiting to try again")
        number = f"attempt {attempt.number}: " if len(visit.attempts) > 1 else ""
        told = number + (attempt.error or attempt.outcome.lower().replace("_", " "))
        yield Bar(_ms(attempt.scheduled), _maybe(attempt.ended), attempt.outcome, told)
        before = attempt.ended
    if before is not None and visit.ended is None:
        yield Bar(_ms(before), None, WAITING, "waiting to try again")


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _maybe(moment: datetime | None) -> int | None:
    return None if moment is None else _ms(moment)
