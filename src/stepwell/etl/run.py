"""Runs a SQL file's statements, one after the other, in the task's transaction."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import psycopg
from psycopg.types.numeric import Int4, Int8

from stepwell.errors import TransactionMisuse
from stepwell.etl.connection import TaskConnection
from stepwell.etl.failure import explain
from stepwell.etl.script import Script, Statement, bindable

_ENDS = {"begin", "start", "commit", "end", "abort", "rollback"}
_CHANGES = ("INSERT", "UPDATE", "DELETE", "MERGE")
_READS = ("select", "values", "table")


def run_script(connection: TaskConnection, script: Script, params: Mapping[str, Any]) -> int:
    """Run every statement; answers how many rows INSERT, UPDATE, DELETE and MERGE changed in sum."""
    for statement in script.statements:
        _refuse_transaction_control(statement)
    return sum(_changed(connection, script, statement, params) for statement in script.statements)


def execute(
    connection: TaskConnection, statement: Statement, values: Sequence[Any], before: str = "", after: str = ""
) -> psycopg.RawCursor[Any]:
    """Run a statement, with something put in front of it and behind it; its errors tell file and line."""
    connection.keep_deadline()
    cursor = psycopg.RawCursor(connection)
    try:
        return cursor.execute(before + statement.text + after, values)
    except psycopg.Error as error:
        raise explain(error, None, statement, len(before)) from error


def values_of(script: Script, statement: Statement, params: Mapping[str, Any]) -> list[Any]:
    """The statement's values as psycopg takes them: a number has the type that it would have in the SQL text."""
    return [_as_literal(value) for value in script.bind(statement, params)]


def _changed(connection: TaskConnection, script: Script, statement: Statement, params: Mapping[str, Any]) -> int:
    values = values_of(script, statement, params)
    if _only_reads(statement):
        _read_away(connection, statement, values)
        return 0
    cursor = execute(connection, statement, values)
    counts = (cursor.statusmessage or "").startswith(_CHANGES)
    return max(0, cursor.rowcount) if counts else 0


def run_narrowed(
    connection: TaskConnection, text: str, given: Sequence[Any], bounds: Sequence[str | None], place: str
) -> int:
    """Run a statement whose text was frozen in a plan: the task's parameters come first, then a range's bounds."""
    values = [*literals(given), *bounds]
    connection.keep_deadline()
    cursor = psycopg.RawCursor(connection)
    try:
        if text.split(maxsplit=1)[0].lower() in _READS:
            deque(cursor.stream(text, values, size=1000), maxlen=0)
            return 0
        cursor.execute(text, values)
    except psycopg.Error as error:
        raise explain(error, place) from error
    return max(0, cursor.rowcount) if (cursor.statusmessage or "").startswith(_CHANGES) else 0


def _only_reads(statement: Statement) -> bool:
    first = statement.verb or (statement.words[0] if statement.words else "")
    return first in _READS and "into" not in statement.text.lower().split()


def _read_away(connection: TaskConnection, statement: Statement, values: Sequence[Any]) -> None:
    """Read a query's rows and drop them: it may have been asked for what its functions do, but must not fill memory."""
    connection.keep_deadline()
    try:
        for _ in psycopg.RawCursor(connection).stream(statement.text, values, size=1000):
            pass
    except psycopg.Error as error:
        raise explain(error, None, statement) from error


def literals(given: Sequence[Any]) -> list[Any]:
    """Parameters as psycopg binds them."""
    return [_as_literal(bindable(value)) for value in given]


def _as_literal(value: Any, kind: Callable[[Any], Any] | None = None) -> Any:
    if isinstance(value, (list, tuple)):
        kind = kind or _kind(list(_leaves(value)))
        return [_as_literal(item, kind) for item in value]
    return (kind or _kind([value]))(value) if type(value) is int else value


def _kind(values: Sequence[Any]) -> Callable[[Any], Any]:
    """The one type of all numbers. psycopg binds small ones as smallint, in which 200 * 200 does not fit."""
    numbers = [value for value in values if type(value) in (int, float)]
    if any(type(number) is float for number in numbers):
        return float
    bits = max((number if number >= 0 else ~number).bit_length() for number in numbers) if numbers else 0
    return Int4 if bits < 32 else Int8 if bits < 64 else int


def _leaves(values: Sequence[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from _leaves(value)
        else:
            yield value


def _refuse_transaction_control(statement: Statement) -> None:
    words = statement.words
    ends = words[:1] and words[0] in _ENDS and "to" not in words[1:3]
    if ends or words[:2] == ("prepare", "transaction"):
        raise TransactionMisuse(
            f"{statement.place}: {' '.join(words[:2]).upper()} in a task: Stepwell commits the task's transaction "
            "together with its receipt. Remove the statement."
        )
