"""A compiled state machine: plain data and closures, in which no part of the definition is looked up any more."""

from collections.abc import Callable
from typing import Any, NamedTuple

from stepwell.asl.assign import Assigned
from stepwell.asl.payload import Payload
from stepwell.asl.scope import Scope

Step = Callable[[Payload, Scope], Payload]
Place = Callable[[Payload, Payload, Scope], Payload]
Assign = Callable[[Payload, Payload, Scope], Assigned | None]


def unchanged(payload: Payload, scope: Scope) -> Payload:
    """The step that a definition does not mention: the payload is handed on as the same object."""
    return payload


def only_result(raw: Payload, result: Payload, scope: Scope) -> Payload:
    return result


def no_variables(raw: Payload, result: Payload, scope: Scope) -> None:
    return None


class Way(NamedTuple):
    """A way out: of a state, of a rule of a Choice, or of a catcher. None: it ends this machine or branch.

    The variables to set and the output are made of the raw input and of the result, or the error.
    """

    next: str | None = None
    assign: Assign = no_variables
    place: Place = only_result


class Dataflow(NamedTuple):
    """The steps of a state's data around `Way.place`, in the order of the States Language; JSONata has `arguments`."""

    input: Step = unchanged
    arguments: Step = unchanged
    result: Step = unchanged
    output: Step = unchanged


class Retrier(NamedTuple):
    """One entry of Retry. `max_delay` is in seconds; None means unlimited."""

    errors: tuple[str, ...]
    interval: float
    max_attempts: int
    backoff_rate: float
    max_delay: float | None
    full_jitter: bool


class Catcher(NamedTuple):
    """One entry of Catch: where to go, and what becomes of the error."""

    errors: tuple[str, ...]
    way: Way


class State:
    """One state; `detail` is what its type's own file compiled.

    `jsonata`: this is its query language, not JSONPath. `plain`: no field of it changes data. Each transition reads a
    state many times, and a slot is read three times as fast as a field of a tuple.
    """

    __slots__ = ("catch", "detail", "flow", "jsonata", "name", "plain", "retry", "type", "way")

    def __init__(
        self,
        name: str,
        type: str,  # noqa: A002
        way: Way,
        flow: Dataflow,
        detail: Any,
        retry: tuple[Retrier, ...],
        catch: tuple[Catcher, ...],
        jsonata: bool,
    ) -> None:
        self.name = name
        self.type = type
        self.way = way
        self.flow = flow
        self.detail = detail
        self.retry = retry
        self.catch = catch
        self.jsonata = jsonata
        self.plain = (way, flow) == (Way(way.next), Dataflow())


class Machine:
    """A state machine, or a branch of one."""

    __slots__ = ("comment", "start_at", "states", "timeout_seconds")

    def __init__(self, start_at: str, states: dict[str, State], comment: str | None) -> None:
        self.start_at = start_at
        self.states = states
        self.comment = comment
        self.timeout_seconds: float | None = None
