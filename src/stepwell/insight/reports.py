"""Lambda's REPORT lines: what it bills for an invocation, and which attempt of a run that was.

A history does not say under which request its calls were made, so a line is told by its time: Lambda writes it within a
moment of the attempt's end, and bills no more than the attempt took.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from stepwell.insight.story import Story
from stepwell.insight.usage import REPORT, Call

_BILLED = re.compile(r"Billed Duration: (\d+) ms")
_USED = re.compile(r"Max Memory Used: (\d+) MB")
_NEAR = 5.0  # seconds between the line and the event, at most
_SLACK = 1000  # ms that clocks and rounding may differ


class Report(NamedTuple):
    when: datetime
    ms: int
    mb: int | None


def read(line: str, when: datetime) -> Report | None:
    """None of a line that is no REPORT."""
    billed, used = _BILLED.search(line), _USED.search(line)
    if not line.startswith("REPORT RequestId:") or billed is None:
        return None
    return Report(when, int(billed[1]), int(used[1]) if used else None)


def matched(told: Story, reports: Iterable[Report]) -> dict[int, Call]:
    """By the event that announced the attempt. Each line is used once; the nearest in time first."""
    lines = list(reports)
    found: dict[int, Call] = {}
    used: set[int] = set()
    for _, event, index in sorted(_pairs(told, lines)):
        if event not in found and index not in used:
            found[event] = Call(lines[index].ms, lines[index].mb, REPORT)
            used.add(index)
    return found


def _pairs(told: Story, lines: list[Report]) -> Iterator[tuple[float, int, int]]:
    for visit in told.visits:
        for attempt in visit.attempts:
            if attempt.ended is None or attempt.seconds is None:
                continue
            for index, line in enumerate(lines):
                apart = abs((line.when - attempt.ended).total_seconds())
                if apart <= _NEAR and line.ms <= attempt.seconds * 1000 + _SLACK:
                    yield apart, attempt.event, index
