"""What a history tells: the visits of a run to its states, each with its attempts, and the one that broke it.

Events are those of GetExecutionHistory, as a client answers them. Which visit an event belongs to follows from
`previousEventId`, since branches and iterations are interleaved. A part of a history is read as far as it goes.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from stepwell.insight.visit import (
    ABORTED,
    CAUGHT,
    FAILED,
    RUNNING,
    SUCCEEDED,
    TIMED_OUT,
    Attempt,
    Visit,
)

__all__ = ["ABORTED", "CAUGHT", "FAILED", "RUNNING", "SUCCEEDED", "TIMED_OUT", "Attempt", "Story", "Visit", "story"]

Event = dict[str, Any]
_STARTS_CHILDREN = ("ParallelStateStarted", "MapIterationStarted")
_ENDS = {
    "ExecutionSucceeded": SUCCEEDED,
    "ExecutionFailed": FAILED,
    "ExecutionAborted": ABORTED,
    "ExecutionTimedOut": TIMED_OUT,
}


class Story:
    """A run: its visits in the order of entering, its status, and `error` and `cause` if it has not succeeded.

    `failed` is the visit that broke it: where a Fail state ended it, the one whose failure had led there.
    """

    __slots__ = ("cause", "ended", "error", "failed", "redrives", "started", "status", "visits")

    def __init__(self) -> None:
        self.visits: list[Visit] = []
        self.status = RUNNING
        self.started: datetime | None = None
        self.ended: datetime | None = None
        self.error: str | None = None
        self.cause: str | None = None
        self.failed: Visit | None = None
        self.redrives = 0

    @property
    def seconds(self) -> float | None:
        """From the first event to the end; None while it runs."""
        return (self.ended - self.started).total_seconds() if self.started and self.ended else None

    @property
    def current(self) -> Visit | None:
        """The visit entered last of those under way."""
        return next((visit for visit in reversed(self.visits) if visit.status == RUNNING), None)

    @property
    def last_task(self) -> Visit | None:
        return next((visit for visit in reversed(self.visits) if visit.type == "Task"), None)

    @property
    def tasks(self) -> list[Visit]:
        """The visits to the pipeline's tasks; one to a task in chunks counts as one."""
        return [visit for visit in self.visits if visit.is_task]

    def tree(self) -> Iterator[Visit]:
        """The visits as one reads them: what a Parallel or Map did right below it, branch after branch."""
        after: dict[Visit | None, list[Visit]] = {}
        for visit in self.visits:
            after.setdefault(visit.came_from, []).append(visit)
        ahead = after.get(None, [])[::-1]
        while ahead:
            visit = ahead.pop()
            yield visit
            followers = after.get(visit, [])
            inside = [follower for follower in followers if follower.parent is visit]
            ahead += [follower for follower in followers if follower.parent is not visit][::-1] + inside[::-1]


def story(events: Iterable[Event]) -> Story:
    """Read the events of one execution, in order."""
    reader = Reading()
    for event in events:
        reader.read(event)
    return reader.story


class Reading:
    """Goes through the events once and remembers to which visit each belongs; more may be read later."""

    def __init__(self) -> None:
        self.story = Story()
        self.at: dict[int, Visit | None] = {}  # by the id of an event: the visit that it belongs to
        self.opens: dict[int, int | None] = {}  # events that children are entered from: the iteration's index
        self.forsaken: list[Visit] = []  # what a redrive begins anew

    def read(self, event: Event) -> None:
        here = self.at.get(event["previousEventId"])
        type_ = event["type"]
        self.at[event["id"]] = here
        for ending, change in _CHANGES:
            if type_.endswith(ending):
                self.at[event["id"]] = change(self, event, here)
                return

    # Each of these answers the visit that the event belongs to.

    def started(self, event: Event, _: Visit | None) -> None:
        self.story.started = event["timestamp"]

    def ended(self, event: Event, here: Visit | None) -> Visit | None:
        told, when = self.story, event["timestamp"]
        told.status, told.ended = _ENDS[event["type"]], when
        details = _details(event)
        told.error, told.cause = details.get("error"), details.get("cause")
        still = TIMED_OUT if told.status == TIMED_OUT else ABORTED
        for visit in [visit for visit in told.visits if visit.status == RUNNING]:
            is_end = told.status == FAILED and (visit is here or visit.broke_off())
            visit.end(when, FAILED if is_end else still)
        if told.status != SUCCEEDED:
            told.failed = _culprit(told, here)
        return here

    def redriven(self, event: Event, _: Visit | None) -> None:
        told = self.story
        told.status, told.ended, told.error, told.cause, told.failed = RUNNING, None, None, None, None
        told.redrives += 1
        self.forsaken = [visit for visit in told.visits if visit.status in (FAILED, ABORTED, TIMED_OUT)]
        for visit in self.forsaken:
            visit.reopen()

    def entered(self, event: Event, here: Visit | None) -> Visit:
        previous = event["previousEventId"]
        parent, index = (here, self.opens[previous]) if previous in self.opens else _frame_of(here)
        details = _details(event)
        kind = event["type"].removesuffix("StateEntered")
        visit = Visit(details.get("name", ""), kind, event["id"], event["timestamp"], parent, index, here)
        self.story.visits.append(visit)
        return visit

    def exited(self, event: Event, here: Visit | None) -> Visit | None:
        name = _details(event).get("name")
        visit = _outward(here, lambda each: each.name == name and each.status == RUNNING)
        if visit is not None:
            visit.end(event["timestamp"], CAUGHT if visit.broke_off() else SUCCEEDED)
            visit.exited = event["id"]
        return visit

    def scheduled(self, event: Event, here: Visit | None) -> Visit | None:
        details = _details(event)
        if here is None or here.type != "Task":
            here = self._redone(details)
        if here is not None:
            here.begin(Attempt(len(here.attempts) + 1, event["id"], event["timestamp"]))
            here.task = here.task or _action(details)
            here.phase = here.phase or _phase(details)
            if here.phase is not None and (whole := _chunked(here)) is not None:
                whole.task = here.task
        return here

    def _redone(self, details: dict[str, Any]) -> Visit | None:
        """After a redrive nothing points at the visit: of those begun anew, the one that calls for the same."""
        tasks = [visit for visit in self.forsaken if visit.type == "Task"]
        called = _action(details), _phase(details)
        visit = next((visit for visit in tasks if (visit.task, visit.phase) == called), tasks[0] if tasks else None)
        if visit is not None:
            self.forsaken.remove(visit)
        return visit

    def run_redriven(self, event: Event, _: Visit | None) -> Visit | None:
        visit = next((visit for visit in self.forsaken if visit.type == "Map"), None)
        if visit is not None:
            self.forsaken.remove(visit)
        return visit

    def call_succeeded(self, event: Event, here: Visit | None) -> Visit | None:
        if here is not None:
            here.attempt_ended(event["timestamp"], SUCCEEDED)
            here.receipt = _receipt(_details(event).get("output"))
            if (whole := _chunked(here)) is not None:
                _tell_whole(whole, here)
        return here

    def call_failed(self, event: Event, here: Visit | None) -> Visit | None:
        if here is not None:
            details = _details(event)
            outcome = TIMED_OUT if event["type"].endswith("TimedOut") else FAILED
            here.attempt_ended(event["timestamp"], outcome, details.get("error"), details.get("cause"))
        return here

    def forked(self, event: Event, here: Visit | None) -> Visit | None:
        """A Parallel or Map begins its children; again, after a retry."""
        type_ = event["type"].removesuffix("StateStarted")
        visit = _outward(here, lambda each: each.type == type_ and each.status == RUNNING)
        if visit is not None:
            self._close_inside(visit, event["timestamp"])
            visit.rounds += 1
            visit.broken = False
        self.opens[event["id"]] = None
        return visit

    def iteration_started(self, event: Event, here: Visit | None) -> Visit | None:
        details = _details(event)
        self.opens[event["id"]] = details.get("index")
        return _outward(here, lambda each: each.name == details.get("name"))

    def fork_failed(self, event: Event, here: Visit | None) -> Visit | None:
        type_ = event["type"].removesuffix("StateFailed")
        visit = _outward(here, lambda each: each.type == type_ and each.status == RUNNING)
        if visit is None:
            return here
        self._close_inside(visit, event["timestamp"])
        visit.broken = True
        return visit

    def state_aborted(self, event: Event, here: Visit | None) -> Visit | None:
        type_ = event["type"].removesuffix("StateAborted")
        visit = _outward(here, lambda each: each.type == type_)
        if visit is not None and visit.status == RUNNING:
            visit.end(event["timestamp"], FAILED if visit.broke_off() else ABORTED)
        return visit

    def _close_inside(self, outer: Visit, when: datetime) -> None:
        for visit in self.story.visits:
            if visit.status == RUNNING and visit.is_inside(outer):
                visit.end(when, FAILED if visit.type == "Fail" or visit.broke_off() else ABORTED)


# By how an event's type ends; the first that fits.
_CHANGES: tuple[tuple[str, Callable[[Reading, Event, Visit | None], Visit | None]], ...] = (
    ("ExecutionStarted", Reading.started),
    ("ExecutionRedriven", Reading.redriven),
    ("MapRunRedriven", Reading.run_redriven),
    *((type_, Reading.ended) for type_ in _ENDS),
    ("StateEntered", Reading.entered),
    ("StateExited", Reading.exited),
    ("ParallelStateStarted", Reading.forked),
    ("MapStateStarted", Reading.forked),
    ("MapIterationStarted", Reading.iteration_started),
    ("StateFailed", Reading.fork_failed),
    ("StateAborted", Reading.state_aborted),
    ("FunctionScheduled", Reading.scheduled),
    ("TaskScheduled", Reading.scheduled),
    ("ActivityScheduled", Reading.scheduled),
    ("FunctionSucceeded", Reading.call_succeeded),
    ("TaskSucceeded", Reading.call_succeeded),
    ("ActivitySucceeded", Reading.call_succeeded),
    ("FunctionFailed", Reading.call_failed),
    ("TaskFailed", Reading.call_failed),
    ("ActivityFailed", Reading.call_failed),
    ("TimedOut", Reading.call_failed),
    ("ScheduleFailed", Reading.call_failed),
    ("StartFailed", Reading.call_failed),
)


def _chunked(visit: Visit) -> Visit | None:
    """Of a phase of a task in chunks, the visit to the whole task."""
    return None if visit.phase is None else _outward(visit.parent, lambda each: each.type == "Parallel")


def _tell_whole(whole: Visit, phase: Visit) -> None:
    """What a phase has answered is told of the whole task."""
    answer = phase.receipt or {}
    chunks = answer.get("chunks")
    if phase.phase == "reconcile":
        whole.receipt = answer
    if type(chunks) is int and phase.phase != "lane":
        whole.chunks = chunks or whole.chunks
    elif type(chunks) is int:
        whole.chunks_done += chunks


def _culprit(told: Story, here: Visit | None) -> Visit | None:
    """The innermost visit whose failure ended the run, or that was under way when it was ended."""
    if told.status != FAILED:
        stopped = [visit for visit in told.visits if visit.ended == told.ended and visit.status in (ABORTED, TIMED_OUT)]
        return stopped[-1] if stopped else here
    here = _before_catch(here)
    while here is not None and here.type in ("Parallel", "Map"):
        inside = [visit for visit in told.visits if visit.parent is here and visit.status == FAILED]
        if not inside:
            break
        # A sibling that was waiting for its retry has failed too, but has not broken anything.
        here = _before_catch(next((v for v in inside if v.type == "Fail" or v.error == told.error), inside[0]))
    return here


def _before_catch(visit: Visit | None) -> Visit | None:
    """A Fail state only reports what failed before it."""
    if visit is None or visit.type != "Fail" or visit.came_from is None:
        return visit
    return visit.came_from if visit.came_from.status == CAUGHT else visit


def _frame_of(here: Visit | None) -> tuple[Visit | None, int | None]:
    return (None, None) if here is None else (here.parent, here.index)


def _outward(visit: Visit | None, fits: Callable[[Visit], bool]) -> Visit | None:
    """The visit itself or the nearest around it that fits."""
    while visit is not None and not fits(visit):
        visit = visit.parent
    return visit


def _details(event: Event) -> dict[str, Any]:
    """An event has details under one key, which is named after its type."""
    for key, value in event.items():
        if key.endswith("EventDetails") and isinstance(value, dict):
            return value
    return {}


def _parsed(text: object) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _action(details: dict[str, Any]) -> str | None:
    """What a pipeline's function was asked to do."""
    event = _parsed(details.get("input") or details.get("parameters"))
    event = event.get("Payload", event) if isinstance(event, dict) else None
    action = event.get("action") if isinstance(event, dict) else None
    return action if isinstance(action, str) else None


def _phase(details: dict[str, Any]) -> str | None:
    """Of a call for a task in chunks, which part of it."""
    event = _parsed(details.get("input") or details.get("parameters"))
    event = event.get("Payload", event) if isinstance(event, dict) else None
    phase = event.get("phase") if isinstance(event, dict) and isinstance(event.get("action"), str) else None
    return phase if phase in ("plan", "lane", "reconcile") else None


def _receipt(output: object) -> dict[str, Any] | None:
    """What the task answered, if that is an object; the integration `lambda:invoke` wraps it."""
    value = _parsed(output)
    if isinstance(value, dict) and isinstance(value.get("Payload"), dict):
        value = value["Payload"]
    return value if isinstance(value, dict) else None
