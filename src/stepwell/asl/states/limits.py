"""Whole numbers that a state may take from its input: time limits, concurrency."""

from collections.abc import Callable
from typing import NamedTuple

from stepwell.asl.dataflow import invalid_path
from stepwell.asl.expression import Expression
from stepwell.asl.jsonata import Fill, QueryFailed
from stepwell.asl.jsonpath import PathNotFound, java
from stepwell.asl.payload import Payload
from stepwell.asl.reader import Reader
from stepwell.asl.scope import Scope
from stepwell.errors import StatesError


class Query(NamedTuple):
    """A limit that JSONata computes."""

    fill: Fill


Limit = int | Expression | Query | None


def read_limit(reader: Reader, field: str, least: int, most: int = 99_999_999) -> Limit:
    """The field itself or, in JSONPath with Path behind its name, where its value is."""
    found = reader.query(field, "number")
    if found is not None:
        return Query(found)
    if reader.jsonata:
        return reader.integer(field, least, most)
    reader.exclusive(field, field + "Path")
    return reader.path(field + "Path") or reader.integer(field, least, most)


def limit_of(limit: Limit, field: str, least: int, payload: Payload, scope: Scope) -> int | None:
    if isinstance(limit, Query):
        return _computed(limit.fill(payload, scope), field, least)
    if not isinstance(limit, Expression):
        return limit
    try:
        value = limit.read(payload, scope)
    except PathNotFound as problem:
        raise invalid_path(limit, problem) from None
    if isinstance(value, bool) or not isinstance(value, int):
        what = f'refers to value "{java(value)}" which is not a valid integer: {limit.text}'
        raise StatesError("States.Runtime", f"The {field}Path field {what}")
    _check_least(value, field, least, lambda why: StatesError("States.Runtime", why))
    return value


def _computed(value: int | float, field: str, least: int) -> int:
    if value != int(value):
        raise QueryFailed(f"{field} must be an integer.", field)
    _check_least(value, field, least, lambda why: QueryFailed(why, field))
    return int(value)


def _check_least(value: float, field: str, least: int, failure: Callable[[str], StatesError]) -> None:
    if value < least:
        raise failure(f"{field} cannot be negative." if value < 0 else f"{field} must be positive.")
