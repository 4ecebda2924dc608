"""A driver for the pure engine: it plays worker, journal and hands, with a clock that it sets itself."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

from stepwell.asl.machine import parse_machine
from stepwell.asl.payload import Payload
from stepwell.engine.advance import advance, answer, fold, map_ended, redrive, start, stop, tick
from stepwell.engine.changes import Changes, Invocation, Reply, RunChange, Timer
from stepwell.engine.events import Event, shown
from stepwell.engine.execution import RUNNING, Execution
from stepwell.engine.frames import Frame

LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:f"
ARN = "arn:aws:states:us-east-1:123456789012:execution:m:e"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:m"

Answer = tuple[Any, str | None, str | None]  # result, error, cause


class Drive:
    """One execution and everything that has happened to it."""

    chance: type[Random] = Random

    def __init__(self, definition: dict[str, Any], input_: Any = None, now: int = 1_000_000) -> None:
        self.machine = parse_machine(json.dumps(definition))
        self.random = self.chance(1)
        self.x = Execution(ARN, MACHINE, "role", self.machine, self.random)
        self.now = now
        self.events: list[Event] = []
        self.calls: list[Invocation] = []
        self.timers: list[Timer] = []
        self.cancelled: list[int] = []
        self.runs: list[RunChange] = []  # map runs under way
        self._take(start(self.x, now, json.dumps({} if input_ is None else input_)))
        self.go()

    def go(self) -> "Drive":
        """Advance until nothing is left to do at once."""
        self._take(advance(self.x, self.now))
        while self.x.ready and self.x.status == RUNNING:
            self._take(advance(self.x, self.now))
        return self

    def answer(self, result: Any = None, error: str | None = None, cause: str | None = None, at: int = 0) -> "Drive":
        """Answer the call that has waited longest (or the one at that place)."""
        call = self.calls.pop(at)
        payload = None if error is not None else Payload.of(result)
        self._take(answer(self.x, self.now, Reply(call.call, call.frame, payload, error, cause)))
        return self.go()

    def end_run(self, result: Any = None, error: str | None = None, cause: str | None = None) -> "Drive":
        """Answer the map run that has waited longest."""
        run = self.runs[0]
        payload = None if error is not None else Payload.of(result)
        self._take(map_ended(self.x, self.now, Reply(run.run.id, run.frame, payload, error, cause)))
        return self.go()

    def until_due(self) -> "Drive":
        """Set the clock to the next timer, and fire it."""
        self.timers.sort()
        timer = self.timers.pop(0)
        self.now = max(self.now, int(timer.due * 1000))
        self._take(tick(self.x, self.now, timer))
        return self.go()

    def stop(self) -> "Drive":
        self._take(stop(self.x, self.now, "Stopped", "by hand"))
        return self

    def redrive(self) -> "Drive":
        self._take(redrive(self.x, self.now))
        return self.go()

    def refold(self, events: list[Event] | None = None) -> Execution:
        """The execution as a new process would find it."""
        return fold(
            Execution(ARN, MACHINE, "role", self.machine, self.random), self.events if events is None else events
        )

    def types(self) -> list[str]:
        return [event.type for event in self.events if not event.part]

    def history(self) -> list[dict[str, Any]]:
        return [shown(event) for event in self.events if not event.part]

    def pointers(self) -> list[tuple[int, int, str]]:
        return [(event.id, event.previous, event.type) for event in self.events if not event.part]

    def output(self) -> Any:
        return None if self.x.output is None else self.x.output.value

    def _take(self, changes: Changes) -> None:
        self.events += changes.events
        self.calls += changes.invocations
        self.timers += changes.timers
        self.cancelled += changes.cancelled
        over = {change.run.id for change in changes.runs if change.status != RUNNING}
        self.runs = [run for run in [*self.runs, *changes.runs] if run.status == RUNNING and run.run.id not in over]
        self.calls = [call for call in self.calls if call.call not in self.cancelled]


def _phase(x: Execution, frame: Frame) -> str:
    ended = x.status != RUNNING and frame.phase != "forked"
    return "entered" if ended or frame.phase == "waiting" else frame.phase


def described(x: Execution) -> str:
    """Everything about an execution that decides how it goes on; a redrive does not ask how its frames have failed."""
    frames = [
        (
            f.number,
            f.state.name if f.state else None,
            _phase(x, f),
            f.raw.text,
            f.entered,
            f.last,
            f.call if _phase(x, f) == "calling" else 0,
            f.counts,
            sorted((name, value.text) for name, value in f.variables.items()),
            f.run,
            None if f.forked is None else (f.forked.started, f.forked.next, sorted(f.forked.children)),
        )
        for f in x.frames.values()
    ]
    return json.dumps([x.status, x.id, sorted(frames)])


def to_the_end(drive: Drive, reply: Callable[[Invocation], Answer]) -> Drive:
    """Answer every call and let every timer come due, until the execution has ended."""
    while drive.x.status == RUNNING:
        if drive.calls:
            drive.answer(*reply(drive.calls[0]))
        else:
            drive.until_due()
    return drive


def task(**fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": LAMBDA, **({} if "Next" in fields else {"End": True}), **fields}


def machine(**states: dict[str, Any]) -> dict[str, Any]:
    """A machine whose first state is the first one given."""
    return {"StartAt": next(iter(states)), "States": states}
