"""A compiled state machine: plain data and closures, in which no part of the definition is looked up any more."""

from collections.abc import Callable
from typing import Any, NamedTuple

from stepwell.asl.assign import Assign
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
    """One entry of Catch: where to go, and what becomes of the error.

    JSONPath places it in the state's raw input, JSONata may make an output of both.
    """

    __slots__ = ("errors", "exit", "next", "place")

    def __init__(self, errors: tuple[str, ...], next: str, place: Placement | None, exit: "Exit") -> None:  # noqa: A002
        self.errors = errors
        self.next = next
        self.place = place
        self.exit = exit


class Exit(NamedTuple):
    """What a state, a rule of a Choice or a catcher says for the way out: variables to set, in JSONata an output."""

    assign: Assign | None = None
    output: Step | None = None


class Dataflow:
    """The steps of a state's data; None: the step changes nothing.

    JSONPath has five, in the order of the States Language. JSONata has only `arguments` and what is in `exit`.
    """

    __slots__ = ("arguments", "exit", "input", "output", "place", "result")

    def __init__(
        self,
        input: Step | None = None,  # noqa: A002
        arguments: Step | None = None,
        result: Step | None = None,
        place: Placement | None = None,
        output: Step | None = None,
        exit: Exit = Exit(),  # noqa: A002, B008
    ) -> None:
        self.input = input
        self.arguments = arguments
        self.result = result
        self.place = place
        self.output = output
        self.exit = exit

    def steps(self) -> tuple[Step | Placement | None, ...]:
        return self.input, self.arguments, self.result, self.place, self.output


class State:
    """One state. `next` is None where the machine or branch ends; `detail` is what its type's own file compiled.

    `jsonata`: this is its query language, not JSONPath. `plain`: no field of it changes data.
    """

    __slots__ = ("catch", "detail", "flow", "jsonata", "name", "next", "plain", "retry", "type")

    def __init__(
        self,
        name: str,
        type: str,  # noqa: A002
        next: str | None,  # noqa: A002
        flow: Dataflow,
        detail: Any,
        retry: tuple[Retrier, ...] = (),
        catch: tuple[Catcher, ...] = (),
        jsonata: bool = False,
    ) -> None:
        self.name = name
        self.type = type
        self.next = next
        self.flow = flow
        self.detail = detail
        self.retry = retry
        self.catch = catch
        self.jsonata = jsonata
        self.plain = not (jsonata or flow.exit.assign or any(flow.steps()))


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
