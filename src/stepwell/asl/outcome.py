"""The closed set of what a state can answer; what becomes of an answer is the engine's to decide."""

from collections.abc import Sequence
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
    """

    kind: Literal["Parallel", "Map"]
    machines: tuple[Machine, ...]
    inputs: list[Payload]
    concurrency: int
    name: str
    items: Sequence[Any] = ()


class Fail(NamedTuple):
    """A Fail state; None where the definition gives no error or no cause."""

    error: str | None
    cause: str | None


class Done(NamedTuple):
    """A Succeed state: this machine or branch ends with that output."""

    output: Payload


Outcome = Go | Call | Wait | Fork | Fail | Done
