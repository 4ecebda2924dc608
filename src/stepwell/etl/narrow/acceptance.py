"""Whether PostgreSQL itself accepts each statement with a range in it: tried without running, in a savepoint."""

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.pq import ExecStatus

from stepwell.etl.narrow.narrowed import NarrowedStatement
from stepwell.etl.narrow.refusal import Refusal, place_of
from stepwell.etl.script import Script, Statement

MAKES = (("create",), ("drop",))


def refused_by_postgres(
    connection: psycopg.Connection[Any], script: Script, statements: Sequence[NarrowedStatement]
) -> list[Refusal]:
    """What is accepted whole, but not on a chunk (system columns, GROUP BY of a primary key alone).

    What is not accepted whole either is not told here: without the parameters' types PostgreSQL may be in doubt.
    """
    found: list[Refusal] = []
    with connection.transaction(force_rollback=True):
        for statement, narrowed in zip(script.statements, statements, strict=True):
            if narrowed.makes:
                if not _make(connection, narrowed):
                    break
            elif narrowed.driving and _mistake(connection, statement.text) is None:
                mistake = _mistake(connection, narrowed.filled(["false"] * len(narrowed.aliases)))
                found += [_refusal(statement, mistake)] if mistake else []
    return found


def make_empty(narrowed: NarrowedStatement) -> str:
    """A statement that makes a temporary table, so that it makes it without rows."""
    text = narrowed.filled(["false"] * len(narrowed.aliases))
    plain = not narrowed.driving or text.rstrip().lower().endswith("no data")
    return text if plain else f"{text}\nWITH NO DATA"


def _make(connection: psycopg.Connection[Any], narrowed: NarrowedStatement) -> bool:
    try:
        with connection.transaction():
            psycopg.RawCursor(connection).execute(make_empty(narrowed), [None] * len(narrowed.names))
    except psycopg.Error:
        return False
    return True


def _mistake(connection: psycopg.Connection[Any], text: str) -> str | None:
    """PostgreSQL's words, if it does not accept the text."""
    try:
        with connection.transaction():
            result = connection.pgconn.prepare(b"", text.encode())
            if result.status != ExecStatus.COMMAND_OK:
                raise psycopg.errors.error_from_result(result)
    except psycopg.Error as error:
        return error.diag.message_primary or str(error)
    return None


def _refusal(statement: Statement, mistake: str) -> Refusal:
    place = place_of(statement, 0)
    return Refusal(
        "statement", place, f"PostgreSQL accepts it whole, but not on a chunk: {mistake}", "write it without"
    )
