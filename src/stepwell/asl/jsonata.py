"""Strings in {% %}: compiled to closures that look them up or evaluate them, and fail as AWS's do.

A plain reference ($states.input.a.b, $name.a) is followed here, without the library, which most expressions are.
"""

import re
from functools import cache
from typing import Any

from stepwell.asl.boxes import UNDEFINED, InvalidQuery, Unevaluable, Unsupported
from stepwell.asl.payload import Payload, dumps
from stepwell.asl.scope import Scope
from stepwell.asl.template import Fill, array
from stepwell.errors import StatesError

_PLAIN = r"\$([A-Za-z_][A-Za-z_0-9]*)((?:\.[A-Za-z_][A-Za-z_0-9]*)*)"
_FIELD = r"\$states\.(\w+)"
_WORDS = frozenset({"and", "or", "in"})
_TYPES = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
_EXPECTED: dict[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "number": (int, float),
    "string": (str,),
}


class QueryFailed(StatesError):
    """States.QueryEvaluationError. `location` is the path of the field within its state; None: it has none.

    `of_value`: the expression gave a value of the right type, which the state cannot use.
    """

    def __init__(self, cause: str, location: str | None = None, of_value: bool = False) -> None:
        super().__init__("States.QueryEvaluationError", cause)
        self.location, self.of_value = location, of_value


def is_query(value: Any) -> bool:
    return isinstance(value, str) and len(value) > 3 and value.startswith("{%") and value.endswith("%}")


def compile(text: str, location: str) -> Fill:  # noqa: A001
    """The value of a string in {% %}. Raises InvalidQuery."""
    source = text[2:-2].strip()
    try:
        _check_states(source, location)
        look_up = _reference(source) or _evaluation(source)
    except InvalidQuery as problem:
        problem.location = location
        raise
    what = f"The JSONata expression '{source}' specified for the field '{location}'"

    def fill(payload: Payload, scope: Scope) -> Any:
        try:
            value = look_up(payload, scope)
        except Unevaluable as problem:
            raise QueryFailed(f"{what} threw an error during evaluation{problem}", location) from None
        except Unsupported:
            raise QueryFailed(f"{what} returned an unsupported result type.", location) from None
        if value is UNDEFINED:
            raise QueryFailed(f"{what} returned nothing (undefined).", location)
        return value

    return fill


def compile_typed(text: str, location: str, expected: str) -> Fill:
    """As `compile`, of an expression that must give an array, a boolean, a number or a string."""
    fill, types = compile(text, location), _EXPECTED[expected]
    what = f"The JSONata expression '{text[2:-2].strip()}' specified for the field '{location}'"

    def typed(payload: Payload, scope: Scope) -> Any:
        value = fill(payload, scope)
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            why = f"Expected '{expected}', but was '{_TYPES.get(type(value), 'number')}' for value: {dumps(value)}"
            raise QueryFailed(f"{what} returned an unexpected result type. {why}", location)
        return value

    return typed


def _check_states(source: str, location: str) -> None:
    """AWS refuses fields that $states does not have; an error output is there only in a catcher."""
    for name in re.findall(_FIELD, source):
        if name not in _STATES or (name == "errorOutput" and not location.startswith("Catch[")):
            raise InvalidQuery(f"Field '$states.{name}' does not exist.", "UNSUPPORTED_JSONATA_EXPRESSION")


# Plain references


def _reference(source: str) -> Fill | None:
    """Follows `$name.a.b` itself; where an array is on the way, which JSONata maps over, the library does it."""
    found = re.fullmatch(_PLAIN, source)
    steps = found[2].split(".")[1:] if found else []
    if found is None or _WORDS & {found[1], *steps} or (found[1] == "states" and not steps):
        return None
    start = _STATES[steps[0]] if found[1] == "states" else _variable(found[1])
    rest = steps[1:] if found[1] == "states" else steps
    evaluation = cache(lambda: _evaluation(source))

    def follow(payload: Payload, scope: Scope) -> Any:
        value = start(payload, scope)
        for step in rest:
            if type(value) is not dict:
                break
            value = value.get(step, UNDEFINED)
        else:
            if value is not UNDEFINED:
                return value
        # An array, which JSONata maps over; a function's name; or nothing at all.
        return evaluation()(payload, scope)

    return follow


def _variable(name: str) -> Fill:
    return lambda payload, scope: _value_or_undefined(scope.variables.get(name))


def _value_or_undefined(payload: Payload | None) -> Any:
    return UNDEFINED if payload is None else payload.value


_STATES: dict[str, Fill] = {
    "input": lambda payload, scope: payload.value,
    "context": lambda payload, scope: scope.context(),
    "result": lambda payload, scope: _value_or_undefined(scope.result),
    "errorOutput": lambda payload, scope: _value_or_undefined(scope.error),
}


# Everything else


def _evaluation(source: str) -> Fill:
    from stepwell.asl.evaluator import Query

    query = Query(source)
    named = re.findall(_FIELD, source)
    # An expression that takes $states as a whole, or names its field in another way, sees all of it.
    seen = set(named) if len(named) == source.count("$states") else set(_STATES)

    def evaluate(payload: Payload, scope: Scope) -> Any:
        bindings = {name: scope.variables[name].value for name in query.names & scope.variables.keys()}
        if "states" in query.names:
            states = {name: _STATES[name](payload, scope) for name in seen}
            bindings["states"] = {name: value for name, value in states.items() if value is not UNDEFINED}
        return query.evaluate(bindings, scope)

    return evaluate


# Templates


def template(value: Any, location: str) -> Fill | None:
    """A value with expressions at any depth; None: it is a constant. Raises InvalidQuery."""
    if is_query(value):
        return compile(value, location)
    if isinstance(value, dict):
        return _object(value, location)
    if isinstance(value, list):
        return array(value, [template(item, f"{location}[{at}]") for at, item in enumerate(value)])
    return None


def _object(value: dict[str, Any], location: str) -> Fill | None:
    fills = {key: template(item, f"{location}/{key}") for key, item in value.items()}
    if not any(fills.values()):
        return None
    return lambda payload, scope: {k: fill(payload, scope) if fill else value[k] for k, fill in fills.items()}
