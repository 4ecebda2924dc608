"""One thread of control: where it stands, and, in a Parallel or Map, what its children have answered so far."""

from typing import Any, NamedTuple

from stepwell.asl.machine import Machine, State
from stepwell.asl.outcome import Fork
from stepwell.asl.payload import Payload
from stepwell.asl.scope import NONE, Variables

# Where a frame stands. Only the first six outlive a commit of a running execution.
ENTERED, CALLING, RETRYING, WAITING, FORKED = "entered", "calling", "retrying", "waiting", "forked"
MAPPING = "mapping"
EXITED, FAILED, DONE = "exited", "failed", "done"


NULL = Payload.of(None)


class Run(NamedTuple):
    """The map run of a Map's state: the id of its MapRunStarted event, its ARN, how often it was redriven."""

    id: int
    arn: str
    redrives: int


class Forked:
    """A Parallel or Map under way: what its children have answered so far."""

    def __init__(self, started: int, total: int) -> None:
        self.started = started  # the id of the event that opened it
        self.total = total
        self.next = 0  # the next child to start
        self.last = started  # what the state's end will point back at
        self.last_inner = started  # the last event inside the child that ended last
        self.outputs: list[Payload | None] = [None] * total
        self.children: dict[int, Frame] = {}  # the open ones, by index
        self.fork: Fork | None = None  # what the language said; computed again after a restart
        self.queued = False  # it is being looked after already


class Frame:
    """One thread of control and the state in which it stands."""

    def __init__(self, number: int, machine: Machine, parent: "Frame | None", index: int, last: int) -> None:
        self.number = number
        self.machine = machine
        self.parent = parent
        self.index = index
        self.last = last  # the id that the frame's next event points back to
        self.phase = ENTERED
        self.state: State | None = None
        self.raw = NULL
        self.output: Payload | None = None
        self.entered = self.entered_at = self.before = self.call = 0
        self.run: Run | None = None  # the state's map run, also when that is over
        self.due: float | None = None  # epoch seconds: when a wait, a retry or a call's time is over
        self.limit: float | None = None  # of a call, whatever heartbeats there are
        self.beat: int | None = None  # seconds from one heartbeat of a call to the next
        self.submitted: Payload | None = None  # what the call has answered, if that is not its end
        self.told: dict[str, Any] | None = None  # its end, if that came before its answer
        self.counts: list[int] = []
        self.variables: Variables = NONE if parent is None else parent.variables  # outer ones too
        self.forked: Forked | None = None

    @property
    def here(self) -> State:
        """The state in which the frame stands."""
        if self.state is None:
            raise AssertionError("a frame is asked for its state before it has entered one")
        return self.state


def parent_of(frame: Frame) -> Frame:
    if frame.parent is None:
        raise AssertionError("the machine's own frame has no parent")
    return frame.parent


def forked_of(frame: Frame) -> Forked:
    if frame.forked is None:
        raise AssertionError("the frame is not in a Parallel or Map")
    return frame.forked
