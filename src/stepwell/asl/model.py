"""A compiled state machine: plain data and closures, in which no part of the definition is looked up any more."""

from collections.abc import Callable
from typing import Any

from stepwell.asl.payload import Payload
from stepwell.asl.scope import Scope

Step = Callable[[Payload, Scope], Payload]
Placement = Callable[[Payload, Payload], Payload]


class Retrier:
    """One entry of Retry. `max_delay` is in seconds; None means unlimited."""

    __slots__ = ("backoff_rate", "errors", "full_jitter", "interval", "max_attempts", "max_delay")

    def __init__(
        self,
        errors: tuple[str, ...],
        interval: float = 1,
        max_attempts: int = 3,
        backoff_rate: float = 2.0,
        max_delay: float | None = None,
        full_jitter: bool = False,
    ) -> None:
        self.errors = errors
        self.interval = interval
        self.max_attempts = max_attempts
        self.backoff_rate = backoff_rate
        self.max_delay = max_delay
        self.full_jitter = full_jitter


class Catcher:
    """One entry of Catch: where to go, and how the error is placed in the state's raw input."""

    __slots__ = ("errors", "next", "place")

    def __init__(self, errors: tuple[str, ...], next: str, place: Placement | None) -> None:  # noqa: A002
        self.errors = errors
        self.next = next
        self.place = place


class Dataflow:
    """The five steps of a state's data in the order of the States Language; None: the step changes nothing."""

    __slots__ = ("arguments", "input", "output", "place", "result")

    def __init__(
        self,
        input: Step | None = None,  # noqa: A002
        arguments: Step | None = None,
        result: Step | None = None,
        place: Placement | None = None,
        output: Step | None = None,
    ) -> None:
        self.input = input
        self.arguments = arguments
        self.result = result
        self.place = place
        self.output = output


class State:
    """One state. `next` is None where the machine or branch ends; `detail` is what its type's own file compiled."""

    __slots__ = ("catch", "detail", "flow", "language", "name", "next", "retry", "type")

    def __init__(
        self,
        name: str,
        type: str,  # noqa: A002
        next: str | None,  # noqa: A002
        flow: Dataflow,
        detail: Any,
        retry: tuple[Retrier, ...] = (),
        catch: tuple[Catcher, ...] = (),
        language: str = "JSONPath",
    ) -> None:
        self.name = name
        self.type = type
        self.next = next
        self.flow = flow
        self.detail = detail
        self.retry = retry
        self.catch = catch
        self.language = language


class Machine:
    """A state machine, or a branch of one."""

    __slots__ = ("comment", "start_at", "states", "timeout_seconds")

    def __init__(
        self,
        start_at: str,
        states: dict[str, State],
        timeout_seconds: float | None = None,
        comment: str | None = None,
    ) -> None:
        self.start_at = start_at
        self.states = states
        self.timeout_seconds = timeout_seconds
        self.comment = comment
