"""The way of a state's data, in the order of the States Language: input, arguments, result, place, output.

Each step that a definition does not mention is None and costs nothing: the payload is handed on as the same object.
"""

from typing import Any

from stepwell.asl.expression import NO_INPUT, Expression
from stepwell.asl.jsonpath import PathNotFound
from stepwell.asl.model import Exit, Placement, State, Step
from stepwell.asl.outcome import Go
from stepwell.asl.payload import Payload
from stepwell.asl.scope import Scope
from stepwell.asl.template import Fill
from stepwell.errors import StatesError

LARGEST = 262_144


def select_input(state: State, raw: Payload, scope: Scope) -> Payload:
    step = state.flow.input
    return raw if step is None else step(raw, scope)


def build_arguments(state: State, effective: Payload, scope: Scope) -> Payload:
    step = state.flow.arguments
    return effective if step is None else step(effective, scope)


def select_result(state: State, result: Payload, scope: Scope) -> Payload:
    step = state.flow.result
    return result if step is None else step(result, scope)


def place_result(state: State, raw: Payload, result: Payload) -> Payload:
    step = state.flow.place
    return result if step is None else step(raw, result)


def select_output(state: State, placed: Payload, scope: Scope) -> Payload:
    step = state.flow.output
    return placed if step is None else step(placed, scope)


def leave(state: State, raw: Payload, result: Payload, scope: Scope) -> Go:
    """From a state's result to its output, and on to the next state."""
    if state.plain:
        if result is not raw:
            check_size(result, state.name)
        return Go(result, state.next)
    flow = state.flow
    if state.jsonata:
        return go_out(state.name, flow.exit, raw, result, scope, state.next)
    assign = flow.exit.assign
    # All that a state computes sees the variables as they were when it was entered.
    variables = assign(result, scope) if assign else None
    selected = select_result(state, result, scope)
    placed = place_result(state, raw, selected)
    output = select_output(state, placed, scope)
    if output is not raw:
        check_size(output, state.name)
    return Go(output, state.next, variables)


def leave_with_result(state: State, raw: Payload, result: Payload, scope: Scope) -> Go:
    """As `leave`, for a result that came from outside or from branches: JSONata calls it $states.result."""
    return leave(state, raw, result, scope.with_answer(result) if state.jsonata else scope)


def go_out(who: str, exit: Exit, raw: Payload, result: Payload, scope: Scope, target: str | None) -> Go:  # noqa: A002
    """The way out in JSONata: variables and an output made of the raw input and what the scope has besides."""
    variables = exit.assign(raw, scope) if exit.assign else None
    output = exit.output(raw, scope) if exit.output else result
    if output is not raw:
        check_size(output, who)
    return Go(output, target, variables)


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


def invalid_path(found: Expression, problem: PathNotFound) -> StatesError:
    return StatesError("States.Runtime", f"Invalid path '{found.text}' : {problem}")


def nothing(payload: Payload, scope: Scope) -> Payload:
    """A path that is null: the empty object takes the place of the data."""
    return Payload.of({})


def template_step(fill: Fill) -> Step:
    """Parameters, ResultSelector, ItemSelector."""
    return lambda payload, scope: Payload.of(fill(payload, scope))


def discard(raw: Payload, result: Payload) -> Payload:
    """A ResultPath that is null: the result goes nowhere."""
    return raw


def placement(text: str, steps: tuple[str | int, ...]) -> Placement:
    """A ResultPath below $: the raw input with the result at that place; only the objects on the way are copied."""

    def place(raw: Payload, result: Payload) -> Payload:
        root = raw.value
        if root is None:
            raise StatesError("States.ResultPathMatchFailure", NO_INPUT)
        try:
            return Payload.of(_with(root, steps, 0, result.value))
        except (TypeError, IndexError):
            cause = f"Unable to apply ReferencePath {text} to input {raw.text}"
            raise StatesError("States.ResultPathMatchFailure", cause) from None

    return place


def _with(node: Any, steps: tuple[Any, ...], depth: int, value: Any) -> Any:
    """A copy of the node with the value at these steps; objects that are missing are made."""
    step = steps[depth]
    if type(node) is not (list if type(step) is int else dict):
        raise TypeError
    copy = node.copy()
    if depth == len(steps) - 1:
        copy[step] = value
    else:
        missing = type(step) is str and step not in node
        copy[step] = _with({} if missing else node[step], steps, depth + 1, value)
    return copy
