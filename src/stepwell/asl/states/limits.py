"""Numbers that a state may take from its input: time limits, concurrency, tolerated failures."""

from collections.abc import Callable
from typing import Any, NamedTuple

from stepwell.asl.dataflow import invalid_path
from stepwell.asl.expression import Expression
from stepwell.asl.jsonata import QueryFailed
from stepwell.asl.jsonpath import PathNotFound, java
from stepwell.asl.payload import Payload
from stepwell.asl.reader import Reader
from stepwell.asl.scope import Scope
from stepwell.asl.template import Fill
from stepwell.errors import StatesError


class Query(NamedTuple):
    """A limit that JSONata computes."""

    fill: Fill


Limit = float | Expression | Query | None


def read_limit(reader: Reader, field: str, least: int, most: int = 99_999_999, whole: bool = True) -> Limit:
    """The field itself or, in JSONPath with Path behind its name, where its value is."""
    found = reader.query(field, "number")
    if found is not None:
        return Query(found)
    given = reader.integer if whole else reader.number
    if reader.jsonata:
        return given(field, least, most)
    reader.exclusive(field, field + "Path")
    return reader.path(field + "Path") or given(field, least, most)


def limit_of(limit: Limit, field: str, least: int | None, payload: Payload, scope: Scope) -> int | None:
    """A whole number of at least `least`; None: whoever takes the number looks at that."""
    value, failure = _value(limit, field, int, payload, scope)
    if value is None:
        return None
    if least is not None and value < least:
        raise failure(f"{field} cannot be negative." if value < 0 else f"{field} must be positive.")
    return int(value)


def percentage_of(limit: Limit, field: str, payload: Payload, scope: Scope) -> float | None:
    value, failure = _value(limit, field, (int, float), payload, scope)
    if value is not None and not 0 <= value <= 100:
        raise failure(f"{field} must be between 0 and 100.")
    return value


def _value(
    limit: Limit, field: str, kind: type | tuple[type, ...], payload: Payload, scope: Scope
) -> tuple[float | None, Callable[[str], StatesError]]:
    """The number, and how a failure of it is told."""
    if isinstance(limit, Query):
        value = limit.fill(payload, scope)
        if kind is int and value != int(value):
            raise QueryFailed(f"{field} must be an integer.", field)
        return value, lambda why: QueryFailed(why, field)
    if not isinstance(limit, Expression):
        return limit, _runtime
    try:
        value = limit.read(payload, scope)
    except PathNotFound as problem:
        raise invalid_path(limit, problem) from None
    if isinstance(value, bool) or not isinstance(value, kind):
        called = "integer" if kind is int else "float"
        what = f'refers to value "{java(value)}" which is not a valid {called}: {limit.text}'
        raise _runtime(f"The {field}Path field {what}")
    number: Any = value
    return number, _runtime


def _runtime(why: str) -> StatesError:
    return StatesError("States.Runtime", why)
