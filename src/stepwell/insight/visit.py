"""One visit of a run to a state, and the attempts that were made there."""

import json
from datetime import datetime
from typing import Any

RUNNING, SUCCEEDED, FAILED = "RUNNING", "SUCCEEDED", "FAILED"
CAUGHT = "CAUGHT"  # it failed, and a Catch of the state went on elsewhere
ABORTED, TIMED_OUT = "ABORTED", "TIMED_OUT"


class Attempt:
    """One call of a Task's resource. `event` is the id of the event that announced it, `outcome` a status."""

    __slots__ = ("cause", "ended", "error", "event", "number", "outcome", "scheduled")

    def __init__(self, number: int, event: int, scheduled: datetime) -> None:
        self.number = number
        self.event = event
        self.scheduled = scheduled
        self.ended: datetime | None = None
        self.outcome = RUNNING
        self.error: str | None = None
        self.cause: str | None = None

    @property
    def seconds(self) -> float | None:
        return (self.ended - self.scheduled).total_seconds() if self.ended else None

    @property
    def message(self) -> str | None:
        """The cause as a sentence: Lambda wraps it in JSON."""
        return None if self.cause is None else message_of(self.cause)


class Visit:
    """From entering a state to leaving it.

    `entered` and `exited` are the ids of those events, `task` is the pipeline's task that it calls, `parent` the visit
    to the Parallel or Map around it, `index` the iteration there, `came_from` the visit before it, `receipt` what the
    task answered, `rounds` how often the children of a Parallel or Map were begun. A task in chunks is a Parallel that
    has a `task`, with visits inside that have a `phase` (plan, lane, reconcile); `chunks` is how many it has,
    `chunks_done` how many its lanes have told of.
    """

    __slots__ = (
        "attempts",
        "broken",
        "came_from",
        "chunks",
        "chunks_done",
        "ended",
        "entered",
        "exited",
        "index",
        "name",
        "parent",
        "phase",
        "receipt",
        "rounds",
        "started",
        "status",
        "task",
        "type",
    )

    def __init__(
        self,
        name: str,
        type: str,  # noqa: A002
        entered: int,
        started: datetime,
        parent: "Visit | None" = None,
        index: int | None = None,
        came_from: "Visit | None" = None,
    ) -> None:
        self.name = name
        self.type = type
        self.entered = entered
        self.started = started
        self.parent = parent
        self.index = index
        self.came_from = came_from
        self.ended: datetime | None = None
        self.exited: int | None = None
        self.status = RUNNING
        self.task: str | None = None
        self.attempts: list[Attempt] = []
        self.receipt: dict[str, Any] | None = None
        self.phase: str | None = None
        self.chunks: int | None = None
        self.chunks_done = 0
        self.rounds = 0
        self.broken = False

    @property
    def label(self) -> str:
        """What a person calls it: the task's name, else the state's."""
        return self.task or self.name

    @property
    def is_task(self) -> bool:
        """Whether it is what the pipeline calls a task: a call, or all the calls of a task in chunks."""
        return self.task is not None if self.type == "Parallel" else self.type == "Task" and self.phase is None

    @property
    def whole(self) -> "Visit":
        """Of what belongs to a task in chunks, the visit to all of it; else itself."""
        around: Visit | None = self
        while around is not None and (around.type != "Parallel" or around.task is None):
            around = around.parent
        return around or self

    @property
    def seconds(self) -> float | None:
        """From entering to leaving; None while it is under way."""
        return (self.ended - self.started).total_seconds() if self.ended else None

    @property
    def retries(self) -> int:
        return max(0, (len(self.attempts) or self.rounds) - 1)

    @property
    def rows(self) -> int | None:
        rows = (self.receipt or {}).get("rows")
        return rows if type(rows) is int else None

    @property
    def error(self) -> str | None:
        """The name of the error that its last attempt ended with."""
        return self.attempts[-1].error if self.attempts else None

    @property
    def message(self) -> str | None:
        return self.attempts[-1].message if self.attempts else None

    @property
    def depth(self) -> int:
        return 0 if self.parent is None else self.parent.depth + 1

    def is_inside(self, outer: "Visit") -> bool:
        return self.parent is not None and (self.parent is outer or self.parent.is_inside(outer))

    def broke_off(self) -> bool:
        """Whether what it did last is a failure."""
        return self.broken or (bool(self.attempts) and self.attempts[-1].outcome in (FAILED, TIMED_OUT))

    def begin(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)
        self.broken = False

    def attempt_ended(self, when: datetime, outcome: str, error: str | None = None, cause: str | None = None) -> None:
        if self.attempts:
            attempt = self.attempts[-1]
            attempt.ended, attempt.outcome, attempt.error, attempt.cause = when, outcome, error, cause

    def end(self, when: datetime, status: str) -> None:
        self.ended, self.status = when, status
        if self.attempts and self.attempts[-1].outcome == RUNNING:
            self.attempt_ended(when, ABORTED)

    def reopen(self) -> None:
        self.ended, self.status, self.broken = None, RUNNING, False


def message_of(cause: str) -> str:
    """The cause without Lambda's wrapping, wherever in the text that stands."""
    start = cause.find('{"')
    while start >= 0:
        try:
            value, end = json.JSONDecoder().raw_decode(cause, start)
        except ValueError:
            value, end = None, start + 1
        if isinstance(value, dict) and isinstance(value.get("errorMessage"), str):
            return f"{cause[:start]}{value['errorMessage']}{cause[end:]}"
        start = cause.find('{"', end)
    return cause
