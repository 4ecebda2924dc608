"""The closed set of what a state can answer; what becomes of an answer is the engine's to decide."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from stepwell.asl.assign import Assigned
from stepwell.asl.model import Machine
from stepwell.asl.payload import Payload


class Go(NamedTuple):
    """The state is left for `next`; None: this machine or branch ends. `variables` are those that it sets."""

    output: Payload
    next: str | None
    variables: Assigned | None = None


class Call(NamedTuple):
    """A Task's resource is to be called; seconds, None where the definition sets no limit."""

    resource: str
    arguments: Payload
    timeout: float | None = None
    heartbeat: float | None = None
    credentials: Payload | None = None


class Wait(NamedTuple):
    """Nothing happens until this moment, in epoch seconds."""

    until: float


class Fork(NamedTuple):
    """Machines are to run side by side, at most `concurrency` at a time (0: all).

    Parallel: machines[i] runs inputs[i]. Map: machines[0] runs every input, each made from one of the `items`.
    `begun` looks at what is looked at once the state has started; it may raise StatesError.
    """

    kind: Literal["Parallel", "Map"]
    machines: tuple[Machine, ...]
    inputs: list[Payload]
    concurrency: int
    name: str
    items: Sequence[Any] = ()
    begun: Callable[[], object] | None = None


class Access(NamedTuple):
    """What a map run reads its items from or writes its results to: a resource's ARN, arguments, the other options."""

    resource: str | None
    arguments: dict[str, Any]
    options: dict[str, Any]


class Plan(NamedTuple):
    """How a map run runs its machine for every item; thresholds that are 0 are not set.

    `children(items)` makes of the items, as far as they have come, the children's inputs, each with the number of
    items in it; StatesError where that cannot be. There are no `items` where a reader brings them.
    """

    machine: Machine
    label: str | None
    express: bool
    concurrency: int
    tolerated_count: int
    tolerated_percentage: float
    items: Sequence[Any]
    children: Callable[[Iterable[Any]], Iterator[tuple[Payload, int]]]
    reader: Access | None
    writer: Access | None


class MapRun(NamedTuple):
    """A machine is to run in executions of its own. `plan` may raise StatesError: once the state has started.

    `length` is what the state's start tells of the items: 0 where a reader brings them.
    """

    length: int
    plan: Callable[[], Plan]


class Fail(NamedTuple):
    """A Fail state; None where the definition gives no error or no cause."""

    error: str | None
    cause: str | None


class Done(NamedTuple):
    """A Succeed state: this machine or branch ends with that output."""

    output: Payload


Outcome = Go | Call | Wait | Fork | MapRun | Fail | Done
