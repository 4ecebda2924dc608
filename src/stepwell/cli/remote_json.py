"""A run on AWS as it happens, for machines: what `--log-format json` says, from the history and the function's log."""

import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any

from stepwell.cli import side
from stepwell.cli.function_log import PATIENCE, PAUSE, Call, FunctionLog
from stepwell.cli.jsonlog import JsonLines
from stepwell.cli.live import blamed
from stepwell.cli.runs_of import began, pipeline_of
from stepwell.cli.streams import Said
from stepwell.cli.terminal import Terminal
from stepwell.cli.watch import summary
from stepwell.errors import StepwellError
from stepwell.insight.failure import Card
from stepwell.insight.story import SUCCEEDED, Attempt, Story, Visit
from stepwell.operate.runs import run_of

Line = tuple[datetime, Callable[[], None]]


class JsonView:
    def __init__(self, there: side.OnAws, execution: dict[str, Any], resumed: bool) -> None:
        self._lines = JsonLines(Terminal(sys.stdout), pipeline_of(execution), run_of(execution))
        self._since = began(execution)
        self._told: set[tuple[int, int]] = set()  # visits and their attempts
        self._log = _Log(there, execution, self._lines)
        self._lines.write("run_resumed" if resumed else "run_started", execution=execution["name"])

    def detached(self) -> None:
        pass

    def see(self, told: Story) -> None:
        self._log.tell()
        for _, tell in sorted(self._news(told), key=lambda line: line[0]):
            tell()

    def end(self, execution: dict[str, Any], told: Story, failure: Card | None) -> None:
        calls = [attempt for visit in told.visits for attempt in self._attempts(visit)]
        self._log.tell_rest(len(calls))
        self._lines.end(summary(execution, told, failure))

    def _attempts(self, visit: Visit) -> list[Attempt]:
        return [attempt for attempt in visit.attempts if attempt.scheduled >= self._since]

    def _news(self, told: Story) -> Iterator[Line]:
        for visit in told.visits:
            attempts = self._attempts(visit)
            for number, (failed, following) in enumerate(pairwise(attempts), 1):
                if self._is_new(visit, number):
                    yield failed.ended or following.scheduled, self._retry(visit, number, failed, following)
            if visit.is_task and visit.ended and visit.ended >= self._since and self._is_new(visit, 0):
                yield visit.ended, self._end(visit, visit.ended, len(attempts), _last_error(visit, told))

    def _is_new(self, visit: Visit, number: int) -> bool:
        key = visit.entered, number
        new = key not in self._told
        self._told.add(key)
        return new

    def _retry(self, visit: Visit, number: int, failed: Attempt, following: Attempt) -> Callable[[], None]:
        at = failed.ended or following.scheduled
        wait = (following.scheduled - at).total_seconds()
        return lambda: self._lines.again(at, visit.label, number, visit.phase, wait, _failure(failed))

    def _end(self, visit: Visit, at: datetime, attempts: int, failed: Attempt | None) -> Callable[[], None]:
        told = at, visit.label, attempts, (at - max(visit.started, self._since)).total_seconds()
        if visit.status == SUCCEEDED:
            return lambda: self._lines.done(*told, visit.rows)
        return lambda: self._lines.failed(*told, _failure(failed) if failed else None)


class _Log:
    """What the tasks print. A log that cannot be read is told once, and does not end the watching."""

    def __init__(self, there: side.OnAws, execution: dict[str, Any], lines: JsonLines) -> None:
        self._there, self._lines = there, lines
        self._place = execution["executionArn"], int(began(execution).timestamp() * 1000)
        self._log: FunctionLog | None = None
        self._printed: dict[Call, tuple[Said, int]] = {}
        self._broken = False

    def tell(self) -> bool:
        """Whether lines can still come."""
        try:
            calls = [] if self._broken else self._opened().look()
        except StepwellError as error:
            self._broken = True
            self._lines.write("log", level="warning", message=f"the function's log cannot be read: {error.message}")
            calls = []
        for call in calls:
            said, printed = self._printed.get(call, (Said(), 0))
            for line in filter(said, call.lines[printed:]):
                self._lines.said(line)
            self._printed[call] = said, len(call.lines)
        return not self._broken

    def tell_rest(self, calls: int) -> None:
        until = time.monotonic() + PATIENCE
        while self.tell() and sum(call.ended for call in self._printed) < calls and time.monotonic() < until:
            time.sleep(PAUSE)

    def _opened(self) -> FunctionLog:
        if self._log is None:
            machine = self._there.machine
            self._log = FunctionLog(machine.session.client("logs"), machine.log_group, *self._place)
        return self._log


def _last_error(visit: Visit, told: Story) -> Attempt | None:
    """Of a task in chunks, what its last part has come to."""
    parts = [visit, *(inner for inner in told.visits if inner.is_inside(visit))]
    failed = [attempt for part in parts for attempt in part.attempts if attempt.error]
    return max(failed, key=lambda attempt: attempt.scheduled, default=None)


def _failure(attempt: Attempt) -> str:
    return blamed(str(attempt.error), attempt.message or "")
