"""Tells bad rows from good ones by halving, and keeps the bad ones beside the table, in `<table>_rejects`."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import psycopg
from psycopg.sql import SQL, Composed, Identifier, Literal

from stepwell.errors import DataError
from stepwell.etl.catalog import Target
from stepwell.etl.connection import TaskConnection
from stepwell.etl.failure import explain
from stepwell.etl.options import Options
from stepwell.etl.sources import Column, Staged

_STRIDE = 50_000  # rows that are tried at once
_NAMED = 5  # bad rows that an error names
_WHOLE_SET = ("23503", "23505", "23P01")  # errors whose detail says which other row they are about

_MAKE = """
create table if not exists {} (
  pipeline text not null, task text not null, run text not null, place text not null, "row" jsonb not null,
  error text not null, at timestamptz not null default clock_timestamp())
"""


class Bad(NamedTuple):
    """A row that the table refused: where it was found, what it said (JSON), and why."""

    place: str
    row: str
    error: str


def sift_into(
    connection: TaskConnection,
    table: Identifier,
    into: Mapping[str, Column],
    staged: Staged,
    allowed: int,
    bad: list[Bad],
    place: str,
    numbered: bool = False,
) -> int:
    """Insert the staged rows that the table takes; answers how many. `numbered`: with their stepwell_row."""
    names = [*map(Identifier, into), *([Identifier("stepwell_row")] if numbered else [])]
    values = [*(staged.values[name] for name in into), *([Identifier("s", "stepwell_row")] if numbered else [])]
    head = SQL(
        "insert into {} ({}) overriding system value select {} from {} as s {} where s.stepwell_row between "
    ).format(table, SQL(", ").join(names), SQL(", ").join(values), staged.table, staged.also)
    connection.execute(SQL("create index on {0} (stepwell_row); analyze {0}").format(staged.table))
    bad += [Bad(*rejected) for rejected in staged.rejected]
    return sift(connection, lambda low, high: head + _between(low, high), staged, allowed, bad, place)


def sift(
    connection: TaskConnection,
    command: Callable[[int, int], Composed],
    staged: Staged,
    allowed: int,
    bad: list[Bad],
    place: str,
) -> int:
    """Do `command(low, high)` for all rows, in halves where it fails, until each bad row is alone and in `bad`.

    Answers how many rows the commands changed. Raises DataError that names the first bad ones if there are more than
    `allowed`; whatever is not a row's fault is raised as it is.
    """
    rows = 0
    last = _last(connection, staged)
    for start in range(1, last + 1, _STRIDE):
        open_ends = [(start, min(start + _STRIDE - 1, last))]
        while open_ends:
            low, high = open_ends.pop()
            try:
                rows += _try(connection, command(low, high))
            except DataError as error:
                if low == high:
                    bad.append(_found(connection, staged, low, error))
                    _refuse(bad, allowed, max(allowed, _NAMED - 1), place)
                else:
                    middle = (low + high) // 2
                    open_ends += (middle + 1, high), (low, middle)
        _refuse(bad, allowed, allowed, place)
    _refuse(bad, allowed, allowed, place)
    return rows


def keep(connection: TaskConnection, target: Target, options: Options, bad: list[Bad]) -> None:
    """Store the bad rows of this run beside the table, in place of those that an earlier attempt of it left."""
    table = Identifier(target.schema, f"{target.name.encode()[:55].decode(errors='ignore')}_rejects")
    there = connection.execute("select to_regclass(%s)", [table.as_string(connection)]).fetchone()
    if there == (None,):  # IF NOT EXISTS wants the right to create even if it does
        connection.execute(SQL(_MAKE).format(table))
    who = [options.pipeline, options.task, options.run]
    forget = SQL("delete from {} where (pipeline, task, run) = ($1, $2, $3)").format(table)
    insert = SQL('insert into {} (pipeline, task, run, place, "row", error) values ($1, $2, $3, $4, $5, $6)')
    with psycopg.RawCursor(connection) as cursor:  # the table's name may have a % in it
        cursor.execute(forget, who)
        cursor.executemany(insert.format(table), [(*who, *one) for one in bad])
    if bad:
        first = f"{bad[0].place}: {bad[0].error}"
        shown = table.as_string(connection)
        print(f"load {target.shown}: {len(bad)} bad rows were set aside in {shown}, the first: {first}", flush=True)


def _try(connection: TaskConnection, command: Composed) -> int:
    connection.keep_deadline()
    try:
        with connection.transaction():
            return connection.execute(command).rowcount
    except psycopg.Error as error:
        raise explain(error) from error


def _last(connection: TaskConnection, staged: Staged) -> int:
    row = connection.execute(
        SQL("select coalesce(max(s.stepwell_row), 0) from {} as s").format(staged.table)
    ).fetchone()
    assert row is not None
    return int(row[0])


def _found(connection: TaskConnection, staged: Staged, number: int, error: DataError) -> Bad:
    asked = SQL("select {}, ({})::text from {} as s where s.stepwell_row = {}").format(
        staged.place, staged.content, staged.table, Literal(number)
    )
    place, row = connection.execute(asked).fetchone() or ("", "null")
    diag = error.__cause__.diag if isinstance(error.__cause__, psycopg.Error) else None
    text = (diag and diag.message_primary) or error.message
    detail = diag.message_detail if diag and diag.sqlstate in _WHOLE_SET else None
    return Bad(place, row, f"{text}: {detail}" if detail else text)


def _refuse(bad: list[Bad], allowed: int, most: int, place: str) -> None:
    if len(bad) <= most or len(bad) <= allowed:
        return
    lines = [f"  {one.place}: {one.error}: {one.row[:300]}" for one in bad[:_NAMED]]
    what = f"more than the {allowed} bad rows that rejects= allows" if allowed else "bad rows"
    raise DataError(
        "\n".join(
            [
                f"{place}: {what}, the first of them:",
                *lines,
                "Nothing was loaded. Correct the data, or let bad rows be set aside: rejects=100.",
            ]
        )
    )


def _between(low: int, high: int) -> Composed:
    return SQL("{} and {}").format(Literal(low), Literal(high))
