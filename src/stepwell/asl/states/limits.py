"""Whole numbers that a state may take from its input: time limits, concurrency."""

from stepwell.asl.dataflow import invalid_path
from stepwell.asl.expression import Expression
from stepwell.asl.jsonpath import PathNotFound, java
from stepwell.asl.payload import Payload
from stepwell.asl.reader import Reader
from stepwell.asl.scope import Scope
from stepwell.errors import StatesError

Limit = int | Expression | None


def read_limit(reader: Reader, field: str, least: int) -> Limit:
    """The field itself or, with Path behind its name, where its value is."""
    reader.exclusive(field, field + "Path")
    return reader.path(field + "Path") or reader.integer(field, least)


def limit_of(limit: Limit, field: str, least: int, payload: Payload, scope: Scope) -> int | None:
    if not isinstance(limit, Expression):
        return limit
    try:
        value = limit.read(payload, scope)
    except PathNotFound as problem:
        raise invalid_path(limit, problem) from None
    if isinstance(value, bool) or not isinstance(value, int):
        what = f'refers to value "{java(value)}" which is not a valid integer: {limit.text}'
        raise StatesError("States.Runtime", f"The {field}Path field {what}")
    if value < least:
        raise StatesError(
            "States.Runtime", f"{field} cannot be negative." if value < 0 else f"{field} must be positive."
        )
    return value
