"""What one advance has decided: the events to save, then the work to begin once they are on disk."""

from typing import Any, NamedTuple

from stepwell.asl.outcome import Go, Plan
from stepwell.asl.payload import Payload
from stepwell.engine.events import Event, exit_details
from stepwell.engine.execution import Execution
from stepwell.engine.frames import Frame, Run


class Invocation(NamedTuple):
    """Work: call this resource. `call` is the id of the event that announced it, `timeout` in seconds."""

    call: int
    frame: int
    state: str
    resource: str
    arguments: Payload
    timeout: float | None


class Reply(NamedTuple):
    """What a call has come to: a result, or an error and its cause; both may be missing."""

    call: int
    frame: int
    result: Payload | None
    error: str | None = None
    cause: str | None = None
    lost: bool = False  # nobody knows what it has come to, because we have died meanwhile


class Timer(NamedTuple):
    """Work: at `due` (epoch seconds) something is over: a wait, a retry's delay, a call's or the execution's time.

    `stamp` is the id of the event that the timer belongs to; a timer whose stamp is out of date means nothing.
    """

    due: float
    frame: int
    stamp: int


class RunChange(NamedTuple):
    """A map run of the frame's state begins (again), RUNNING, or is over."""

    frame: int
    state: str
    run: Run
    status: str
    plan: Plan | None = None  # None also where a run begins again


LONGEST = 25_000  # events of a Standard execution; the last one can only be its end (AWS, "history quota")


class HistoryFull(Exception):
    """The next event would have to be the last, and it is no end."""


class Changes:
    """Events in order, each applied to the execution as it is added, and the work that follows from them."""

    def __init__(self, execution: Execution, now: int) -> None:
        self.execution = execution
        self.now = execution.now = now  # milliseconds since 1970
        self.events: list[Event] = []
        self.lost = False  # the failure is our own: a retry's delay, which lets a resource recover, helps nobody
        self.invocations: list[Invocation] = []
        self.timers: list[Timer] = []
        self.runs: list[RunChange] = []
        self.cancelled: list[int] = []  # calls that nobody waits for any more

    def add(
        self,
        type_: str,
        frame: Frame,
        *,
        previous: int | None = None,
        name: str | None = None,
        payload: Payload | None = None,
        details: dict[str, Any] | None = None,
    ) -> int:
        """Add one event of AWS's and answer its id; it points back at the frame's last event unless told otherwise."""
        x = self.execution
        if x.id >= LONGEST - 1 and not type_.startswith("Execution") and ":express:" not in x.arn:
            raise HistoryFull
        back = frame.last if previous is None else previous
        event = Event(x.id + 1, 0, back, self.now, type_, frame.number, name, payload, details)
        self.events.append(event)
        x.apply(event)
        return event.id

    def enter(self, frame: Frame, name: str, raw: Payload) -> None:
        self.add(f"{frame.machine.states[name].type}StateEntered", frame, name=name, payload=raw)

    def exit(self, frame: Frame, go: Go, previous: int | None = None) -> None:
        """The frame leaves its state and enters the next, if there is one."""
        state, details = frame.here, exit_details(go.variables) if go.variables else None
        type_ = f"{state.type}StateExited"
        self.add(type_, frame, name=state.name, payload=go.output, previous=previous, details=details)
        if go.next is not None:
            self.enter(frame, go.next, go.output)

    def note(self, type_: str, frame: Frame, details: dict[str, Any]) -> None:
        """Add a fact of ours, which GetExecutionHistory does not show."""
        x = self.execution
        event = Event(x.id, x.next_part, 0, self.now, type_, frame.number, None, None, details)
        self.events.append(event)
        x.apply(event)
