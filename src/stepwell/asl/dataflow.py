"""What the steps of a state's data do, and how a state is left."""

from collections.abc import Sequence
from typing import Any

from stepwell.asl.expression import Expression
from stepwell.asl.jsonpath import PathNotFound
from stepwell.asl.model import Place, State, Step, Way
from stepwell.asl.outcome import Go
from stepwell.asl.payload import Payload
from stepwell.asl.scope import Scope
from stepwell.errors import StatesError

LARGEST = 262_144


def leave(state: State, raw: Payload, result: Payload, scope: Scope, way: Way | None = None) -> Go:
    """From a state's result to its output and on, by its own way or by that of a rule."""
    if state.plain and way is None:
        if result is not raw:
            check_size(result, state.name)
        return Go(result, state.way.next)
    way, flow = way or state.way, state.flow
    # All that a state computes sees the variables as they were when it was entered.
    variables = way.assign(raw, result, scope)
    output = flow.output(way.place(raw, flow.result(result, scope), scope), scope)
    if output is not raw:
        check_size(output, state.name)
    return Go(output, way.next, variables)


def leave_with_result(state: State, raw: Payload, result: Payload, scope: Scope) -> Go:
    """As `leave`, for a result that came from outside or from branches: JSONata calls it $states.result."""
    return leave(state, raw, result, scope.with_answer(result) if state.jsonata else scope)


def check_size(payload: Payload, who: str) -> None:
    """`who` made it: a state's name, a resource's ARN or its type."""
    if payload.size > LARGEST:
        cause = (
            f"The state/task '{who}' returned a result with a size exceeding the maximum number of bytes service limit."
        )
        raise StatesError("States.DataLimitExceeded", cause)


# What the fields compile to


def path_step(found: Expression) -> Step:
    """InputPath and OutputPath."""
    read = found.read

    def step(payload: Payload, scope: Scope) -> Payload:
        try:
            return Payload.of(read(payload, scope))
        except PathNotFound as problem:
            raise invalid_path(found, problem) from None

    return step


def conflict(path: str, steps: Sequence[Any], payload: Payload) -> StatesError:
    """A reference path that cannot be followed. AWS documents States.ResultPathMatchFailure and says this."""
    node = payload.value
    unable = f'step "{_failing(steps, node)}"' if isinstance(node, dict | list) else f"ReferencePath {path}"
    return StatesError("States.ReferencePathConflict", f"Unable to apply {unable} to input {payload.text}")


def _failing(steps: Sequence[Any], node: Any) -> Any:
    for step in steps[:-1]:
        try:
            node = node[step]
        except (KeyError, IndexError, TypeError):
            return step
    return steps[-1]


def invalid_path(found: Expression, problem: PathNotFound) -> StatesError:
    return StatesError("States.Runtime", f"Invalid path '{found.text}' : {problem}")


def nothing(payload: Payload, scope: Scope) -> Payload:
    """A path that is null: the empty object takes the place of the data."""
    return Payload.of({})


def discard(raw: Payload, result: Payload, scope: Scope) -> Payload:
    """A ResultPath that is null: the result goes nowhere."""
    return raw


def placement(text: str, steps: tuple[str | int, ...]) -> Place:
    """A ResultPath below $: the raw input with the result at that place; only the objects on the way are copied."""

    def place(raw: Payload, result: Payload, scope: Scope) -> Payload:
        try:
            return Payload.of(_with(raw.value, steps, result.value))
        except (TypeError, IndexError):
            raise conflict(text, steps, raw) from None

    return place


def _with(node: Any, steps: tuple[Any, ...], value: Any) -> Any:
    """A copy of the node with the value at these steps; objects that are missing are made, and arrays by their [0]."""
    if not steps:
        return value
    step = steps[0]
    if type(node) is not (list if type(step) is int else dict):
        raise TypeError
    copy = node.copy()
    missing = type(step) is str and step not in node
    made: Any = [{}] if steps[1:2] == (0,) else {}
    copy[step] = _with(made if missing else node[step], steps[1:], value)
    return copy
