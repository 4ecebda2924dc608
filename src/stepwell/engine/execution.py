"""An execution is its events, folded: which frames it has and where each one stands.

A frame is one thread of control: the machine itself, a branch of a Parallel, an iteration of a Map. `apply` is the only
thing that changes them, for live events and for those read back after a crash alike, so the two cannot differ.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from stepwell.asl.machine import Machine, State
from stepwell.asl.outcome import Call
from stepwell.asl.payload import Payload
from stepwell.engine.events import HEARTBEAT, RETRY, TOLD, Event
from stepwell.engine.frames import (
    CALLING,
    ENTERED,
    EXITED,
    FAILED,
    FORKED,
    MAPPING,
    RETRYING,
    Forked,
    Frame,
    Run,
    forked_of,
    parent_of,
)
from stepwell.engine.tasks import CALLBACK

RUNNING, SUCCEEDED, BROKE, ABORTED, TIMED_OUT = "RUNNING", "SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT"


class Execution:
    """One run of a state machine: its identity, its frames and its end."""

    def __init__(self, arn: str, machine_arn: str, role: str, machine: Machine, random: Random) -> None:
        self.arn, self.machine_arn, self.role, self.machine, self.random = arn, machine_arn, role, machine, random
        self.name = arn.rpartition(":")[2]
        self.input = Payload.of({})
        self.status = RUNNING
        self.output: Payload | None = None
        self.error: str | None = None
        self.cause: str | None = None
        self.id = 0  # of the last event
        self.now = 0  # milliseconds: when what is being decided happens
        self.next_part = 1
        self.started_at = 0
        self.redrives, self.redriven_at = 0, 0
        self.next_frame = 1
        self.root = Frame(0, machine, None, 0, 0)
        self.frames: dict[int, Frame] = {0: self.root}
        self.forks: dict[int, Frame] = {}  # by the id of the event that opened them
        self.ready: deque[Frame] = deque()
        self.origin: dict[str, str] = {}  # the version, and the alias, by which it was started
        self.refuses: Callable[[Call], str | None] = lambda call: None  # why a call cannot even be announced

    def apply(self, event: Event) -> None:
        """Let one event change the execution; events come in order."""
        if event.part:
            self.next_part = event.part + 1
        else:
            self.id, self.next_part = event.id, 1
        change = _CHANGES.get(event.type)
        if change is None:
            change = _CHANGES[event.type] = _change_of(event.type)
        change(self, event)

    def open_frame(self, number: int, machine: Machine, parent: Frame, index: int, last: int) -> Frame:
        frame = Frame(number, machine, parent, index, last)
        self.frames[number] = frame
        self.next_frame = max(self.next_frame, number + 1)
        forked = forked_of(parent)
        forked.children[index] = frame
        forked.next = max(forked.next, index + 1)
        return frame

    def close_frame(self, frame: Frame) -> None:
        """Forget a frame and all that it opened."""
        self.frames.pop(frame.number, None)
        if frame.forked is not None:
            self.close_fork(frame)

    def close_fork(self, frame: Frame) -> None:
        forked = forked_of(frame)
        self.forks.pop(forked.started, None)
        for child in forked.children.values():
            self.close_frame(child)
        frame.forked = None


def fold(execution: Execution, events: Iterable[Event]) -> Execution:
    """The execution as its events leave it, ready to go on."""
    for event in events:
        execution.apply(event)
    for frame in list(execution.frames.values()):
        if frame.phase == EXITED and frame.parent is not None:
            settle(execution, frame, frame.last)
    if execution.status == RUNNING:
        # Every frame but those that wait for an answer: a waiting Map may have items to start.
        execution.ready.extend(f for f in execution.frames.values() if f.phase in (ENTERED, FORKED))
    return execution


def settle(execution: Execution, frame: Frame, last: int) -> None:
    """A branch or an iteration has come to its end with the event `last`: its output is its parent's."""
    forked = forked_of(parent_of(frame))
    forked.outputs[frame.index] = frame.output
    forked.last, forked.last_inner = max(forked.last, last), frame.last
    del forked.children[frame.index]
    execution.close_frame(frame)


# How each event changes the execution


def _started(x: Execution, event: Event) -> None:
    """The event has the text as it was given, the first state a compact one (recorded 2024-07-20)."""
    x.input = x.root.raw = (event.payload or x.input).compact()
    x.started_at = event.time


def _entered(x: Execution, event: Event) -> None:
    frame = x.frames.get(event.frame)
    if frame is None:  # the first event of a Parallel's branch
        parent = x.forks[event.previous]
        index, machine = _branch(parent.here, event.name)
        frame = x.open_frame(event.frame, machine, parent, index, event.previous)
    frame.state = state = frame.machine.states[event.name or ""]
    frame.raw = event.payload or frame.raw
    frame.entered = frame.last = event.id
    frame.entered_at, frame.before = event.time, event.previous
    frame.counts = [0] * len(state.retry) if state.retry else []
    frame.phase, frame.due, frame.beat, frame.run = ENTERED, None, None, None


def machines_of(state: State) -> tuple[Machine, ...]:
    """The machines inside a Parallel, or the one inside a Map."""
    return state.detail if state.type == "Parallel" else (state.detail.machine,)


def _branch(state: State, first: str | None) -> tuple[int, Machine]:
    """Which branch starts with this state: names are unique in a whole definition."""
    for index, machine in enumerate(machines_of(state)):
        if machine.start_at == first:
            return index, machine
    raise AssertionError(f"no branch of {state.name} starts at {first}")


def _exited(x: Execution, event: Event) -> None:
    frame = x.frames[event.frame]
    frame.last, frame.output, frame.phase = event.id, event.payload, EXITED
    if event.details is not None:
        texts = event.details["assignedVariables"]
        frame.variables = {**frame.variables, **{name: Payload.parse(text) for name, text in texts.items()}}
    if frame.forked is not None:
        x.close_fork(frame)


def _scheduled(x: Execution, event: Event) -> None:
    frame = x.frames[event.frame]
    frame.last = frame.call = event.id
    frame.phase = CALLING
    details = event.details or {}
    limit = details.get("timeoutInSeconds")
    frame.due = frame.limit = None if limit is None else event.time / 1000 + limit
    frame.beat, frame.submitted, frame.told = details.get("heartbeatInSeconds"), None, None


def _submitted(x: Execution, event: Event) -> None:
    frame = x.frames[event.frame]
    frame.last, frame.submitted = event.id, event.payload
    if frame.here.detail.resource.endswith(CALLBACK):
        _alive(x, event)


def _alive(x: Execution, event: Event) -> None:
    """From now on, and from each heartbeat on, the next heartbeat is waited for."""
    frame = x.frames[event.frame]
    frame.last = frame.last if event.part else event.id
    if frame.beat is not None:
        frame.due = min(event.time / 1000 + frame.beat, frame.limit or math.inf)


def _told(x: Execution, event: Event) -> None:
    x.frames[event.frame].told = event.details


def _went_on(x: Execution, event: Event) -> None:
    x.frames[event.frame].last = event.id


def _evaluation_failed(x: Execution, event: Event) -> None:
    frame = x.frames[event.frame]
    frame.last = event.id
    if frame.forked is not None:
        frame.forked.last = event.id


def _call_failed(x: Execution, event: Event) -> None:
    frame = x.frames[event.frame]
    frame.last, frame.call, frame.phase = event.id, 0, FAILED


def _retry(x: Execution, event: Event) -> None:
    frame = x.frames[event.frame]
    details = event.details or {}
    frame.counts[details["retrier"]] += 1
    frame.phase, frame.due, frame.run = RETRYING, details["due"], None
    frame.last = details.get("after", frame.last)
    if frame.forked is not None:
        x.close_fork(frame)


def _forked_event(x: Execution, event: Event) -> None:
    frame = x.frames[event.frame]
    if event.type == "MapStateStarted" and frame.here.detail.distributed:
        frame.last = event.id
        return
    total = (event.details or {}).get("length", len(machines_of(frame.here)))
    frame.forked = Forked(event.id, total)
    x.forks[event.id] = frame
    frame.phase, frame.last, frame.due = FORKED, event.id, None


def _run_started(x: Execution, event: Event) -> None:
    """A map run goes on by itself, in executions of its own; a redrive begins the same one again."""
    frame, details = x.frames[event.frame], event.details or {}
    begun = frame.run.id if frame.run else event.id
    frame.run = Run(begun, details["mapRunArn"], details.get("redriveCount", 0))
    frame.phase, frame.last, frame.due = MAPPING, event.id, None


def _iteration_started(x: Execution, event: Event) -> None:
    details = event.details or {}
    parent = x.forks[details["_fork"]]
    frame = x.open_frame(event.frame, machines_of(parent.here)[0], parent, details["index"], event.id)
    frame.entered_at = event.time


def _iteration_succeeded(x: Execution, event: Event) -> None:
    settle(x, x.frames[event.frame], event.id)


def _iteration_failed(x: Execution, event: Event) -> None:
    x.frames[event.frame].phase = FAILED


def _state_ended(x: Execution, event: Event) -> None:
    """…StateFailed and …StateAborted: the frame stays as it is, for a redrive."""
    frame = x.frames[event.frame]
    if event.type.endswith("Failed"):
        frame.last = event.id
    if frame.phase != FORKED:
        frame.phase, frame.call, frame.due = FAILED, 0, None


def _ended(status: str) -> Callable[[Execution, Event], None]:
    def change(x: Execution, event: Event) -> None:
        x.status = status
        details = event.details or {}
        x.output, x.error, x.cause = event.payload, details.get("error"), details.get("cause")

    return change


def _redriven(x: Execution, event: Event) -> None:
    """Everything that failed or was stopped stands at its state again, with fresh retries."""
    x.status, x.output, x.error, x.cause = RUNNING, None, None, None
    x.redrives, x.redriven_at = x.redrives + 1, event.time
    for frame in x.frames.values():
        frame.last = event.id
        frame.counts = [0] * len(frame.counts)
        if frame.phase != FORKED:
            frame.phase, frame.call, frame.due = ENTERED, 0, None


def _nothing(_x: Execution, _event: Event) -> None:
    return None


_CHANGES: dict[str, Callable[[Execution, Event], Any]] = {
    "ExecutionStarted": _started,
    "ExecutionSucceeded": _ended(SUCCEEDED),
    "ExecutionFailed": _ended(BROKE),
    "ExecutionAborted": _ended(ABORTED),
    "ExecutionTimedOut": _ended(TIMED_OUT),
    "ExecutionRedriven": _redriven,
    "MapStateStarted": _forked_event,
    "ParallelStateStarted": _forked_event,
    "MapRunStarted": _run_started,
    "MapRunRedriven": _run_started,
    "MapIterationStarted": _iteration_started,
    "MapIterationSucceeded": _iteration_succeeded,
    "MapIterationFailed": _iteration_failed,
    "MapIterationAborted": _iteration_failed,
    "MapStateSucceeded": _nothing,
    "ParallelStateSucceeded": _nothing,
    "EvaluationFailed": _evaluation_failed,
    "TaskSubmitted": _submitted,
    "ActivityStarted": _alive,
    HEARTBEAT: _alive,
    TOLD: _told,
    RETRY: _retry,
}


def _change_of(type_: str) -> Callable[[Execution, Event], Any]:
    """The change of an event whose name carries the kind of state or of resource."""
    for ending, change in (
        ("StateEntered", _entered),
        ("StateExited", _exited),
        ("StateFailed", _state_ended),
        ("StateAborted", _state_ended),
        ("Scheduled", _scheduled),
        ("Failed", _call_failed),
        ("TimedOut", _call_failed),
    ):
        if type_.endswith(ending):
            return change
    return _went_on  # …Started, …Submitted, …Succeeded
