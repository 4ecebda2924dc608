"""What the invocations of an execution print on AWS: found in the function's log by the line that the handler prints
first, and cut out of its streams."""

import math
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from stepwell.insight.visit import Attempt, Visit
from stepwell.operate.paging import items

PAUSE = 2.0  # seconds between two looks: AWS gives the whole account 15 a second
PATIENCE = 10.0  # seconds after its end that a run's last lines are waited for: CloudWatch has them a little later
MARK = "STEPWELL "
LATER = 900_000  # milliseconds that an invocation may go on after its run has ended
_LATE = 60_000  # milliseconds that lines may come after younger ones of other streams
_STREAMS = 100  # that FilterLogEvents can be asked for at once
_AROUND = ("START RequestId", "REPORT RequestId", "INIT_START")


class Call:
    """One invocation: when it began, what it was asked for, in which attempt, and what it has printed so far.

    Of a task in chunks also its phase and its lane, where the function tells them.
    """

    __slots__ = ("at", "attempt", "ended", "lane", "lines", "phase", "task")

    def __init__(self, at: int, told: str) -> None:
        """`told`: "task_02 lane 3 retry 1", without the lane and the phase where there is none."""
        asked, _, retries = told.rpartition(" retry ")
        self.task, *part = asked.split(" ")
        self.phase, self.lane = (*part, None, None)[:2]
        self.at = at
        self.attempt = int(retries or 0) + 1
        self.lines: list[str] = []
        self.ended = False

    @property
    def label(self) -> str:
        return " ".join(filter(None, (self.task, self.phase, self.lane)))


def call_of(calls: Iterable[Call], visit: Visit, attempt: Attempt) -> Call | None:
    """The call of an attempt: it is asked for the same, and began while the attempt was under way."""
    asked = visit.task, visit.phase, str(visit.index) if visit.phase == "lane" else None
    first = milliseconds(attempt.scheduled)
    last = math.inf if attempt.ended is None else milliseconds(attempt.ended)
    its = (call for call in calls if asked == (call.task, call.phase, call.lane) and first <= call.at <= last)
    return next(its, None)


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


class FunctionLog:
    """The log of one execution, in which each look reads on; none of it is before `since`, milliseconds since 1970."""

    def __init__(self, client: Any, group: str, arn: str, since: int) -> None:
        self._client, self._group = client, group
        self._mark = f"{MARK}{arn} "
        self._since = since
        self._known: set[str] = set()  # events of the last look, which the next one finds again
        self._open: dict[str, Call | None] = {}  # by stream, which has one invocation after the other
        self._calls: list[Call] = []

    def look(self, until: int | None = None) -> list[Call]:
        """All invocations up to now, in the order in which they began."""
        window = {"startTime": self._since} | ({} if until is None else {"endTime": until})
        for event in self._events(filterPattern=f'"{self._mark.strip()}"', **window):
            self._open.setdefault(event["logStreamName"], None)
        known, self._known = self._known, set()
        streams = sorted(self._open)
        for first in range(0, len(streams), _STREAMS):
            for event in self._events(logStreamNames=streams[first : first + _STREAMS], **window):
                self._known.add(event["eventId"])
                self._since = max(self._since, event["timestamp"] - _LATE)
                if event["eventId"] not in known:
                    self._take(event)
        return sorted(self._calls, key=lambda call: call.at)

    def _events(self, **request: Any) -> Iterator[dict[str, Any]]:
        return items(self._client.filter_log_events, "events", logGroupName=self._group, **request)

    def _take(self, event: dict[str, Any]) -> None:
        stream = event["logStreamName"]
        for line in event["message"].splitlines():
            call = self._open[stream]
            if line.startswith(self._mark):
                self._open[stream] = call = Call(event["timestamp"], line.removeprefix(self._mark))
                self._calls.append(call)
            elif line.startswith("END RequestId"):
                if call is not None:
                    call.ended = True
                self._open[stream] = None
            elif call is not None and not line.startswith(_AROUND):
                call.lines.append(line)
