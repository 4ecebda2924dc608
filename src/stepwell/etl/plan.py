"""Cuts a table into chunks by its key: exact, complete, and without splitting the rows of one key.

With an index on the key the plan steps through it, from bound to bound. Without one it sorts the keys once, and says
which index to make: not for the plan's sake, but because every chunk would read the whole table.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import psycopg

from stepwell.errors import ConfigurationError
from stepwell.etl.connection import TaskConnection
from stepwell.etl.ranges import Key, Range, Values, quoted

# What a table is, and its columns: name, type, may it be NULL.
_TABLE = """
select c.oid::int8, c.oid::regclass::text, c.relkind::text, array(
  select json_build_array(attname, format_type(atttypid, atttypmod), not attnotnull)
  from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped order by attnum)
from pg_class c where c.oid = to_regclass($1)
"""
# An index that is in the order of the key: whole, by the columns' own collations, all of it up or all of it down.
_INDEX = """
select i.indexrelid::regclass::text
from pg_index i join pg_class x on x.oid = i.indexrelid join pg_am on pg_am.oid = x.relam
where i.indrelid = $1::int8::oid and amname = 'btree' and indisvalid and indisready and indpred is null
  and indnkeyatts >= cardinality($2::text[])
  and not exists (
    select from generate_subscripts($2::text[], 1) n
    left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[n - 1] and a.attnum > 0
    left join pg_opclass o on o.oid = i.indclass[n - 1]
    where a.attname is distinct from ($2::text[])[n] or i.indcollation[n - 1] <> a.attcollation
      or not o.opcdefault or i.indoption[n - 1] <> i.indoption[0] or i.indoption[0] not in (0, 3))
order by indisprimary desc, indnkeyatts, x.relpages limit 1
"""
# Keys as text must mean the same to every session that reads them; and a step must walk the index, whatever the
# statistics of a table that has just been loaded say.
_SETTINGS = """
select set_config('datestyle', 'ISO', true), set_config('intervalstyle', 'postgres', true),
  set_config('extra_float_digits', '3', true)
"""
_WALK = """
select set_config(name, $1, true) from unnest(
  '{enable_seqscan, enable_sort, enable_incremental_sort, enable_bitmapscan, enable_gathermerge}'::text[]) name
"""
say = partial(print, flush=True)  # into the log, at once
_AHEAD = 33  # rows that a step looks at behind its bound: mostly enough to see that key's end


class Chunk(NamedTuple):
    """A range of keys, and how many rows it had when it was planned. Numbers begin at 1."""

    number: int
    range: Range
    rows: int


class Table(NamedTuple):
    """The table that is cut, its name as PostgreSQL prints it, its key, and the index in the key's order."""

    oid: int
    name: str
    key: Key
    by_index: str | None
    partitioned: bool = False

    def advice(self, where: str = "") -> list[str]:
        """What to do about a missing index; `where`: the statements that would use it."""
        if self.by_index is not None:
            return []
        columns = ", ".join(map(quoted, self.key.columns))
        return [
            f"{self.name} has no index on ({columns}): each chunk will read the whole table{where}. "
            f"Make one: CREATE INDEX ON {self.name} ({columns});"
        ]


class Plan(NamedTuple):
    """All chunks of a table. `oversized` are the numbers of those that hold one key with more rows than wanted."""

    chunks: tuple[Chunk, ...]
    oversized: tuple[int, ...]

    @property
    def rows(self) -> int:
        return sum(chunk.rows for chunk in self.chunks)

    @property
    def bounded(self) -> list[Chunk]:
        """Those of keys without NULL."""
        return [chunk for chunk in self.chunks if chunk.range.null is None]


def find_table(connection: TaskConnection, name: str, by: Sequence[str]) -> Table:
    """Look the table and its key up; ConfigurationError for what cannot be cut."""
    try:
        with connection.transaction():
            row = _ask(connection, _TABLE, [name]).fetchone()
    except psycopg.errors.InvalidName as error:
        raise ConfigurationError(f"Chunks({name!r}): {error.diag.message_primary}") from None
    if row is None:
        raise ConfigurationError(f"Chunks({name!r}): there is no such table in the database {connection.info.dbname}")
    oid, shown, kind, columns = row
    if kind not in ("r", "p", "m"):
        raise ConfigurationError(f"Chunks({name!r}): only a table can be cut into chunks, and {shown} is not one")
    known = {column: (type_, nullable) for column, type_, nullable in columns}
    for column in by:
        if column not in known:
            raise ConfigurationError(
                f"Chunks({name!r}, by={tuple(by)}): {shown} has no column {column!r}; it has: {', '.join(known)}"
            )
    key = Key(tuple(by), *zip(*(known[column] for column in by), strict=True))
    _must_have_order(connection, shown, key)
    index = _ask(connection, _INDEX, [oid, list(by)]).fetchone()
    return Table(oid, shown, key, index[0] if index else None, kind == "p")


def _must_have_order(connection: TaskConnection, table: str, key: Key) -> None:
    try:
        with connection.transaction():
            _ask(connection, f"select from {table} order by {', '.join(map(quoted, key.columns))} limit 0", [])
    except psycopg.errors.UndefinedFunction as error:
        text = f"{table} cannot be cut into chunks by {', '.join(key.columns)}: {error.diag.message_primary}"
        raise ConfigurationError(text) from None


def make_plan(connection: TaskConnection, table: Table, size: int) -> Plan:
    """Cut the table into chunks of at most `size` rows, a key with more rows than that into a chunk of its own.

    The first range has no lower bound and the last no upper one, and a column that may be NULL has a chunk for that,
    so that a row that comes later is in one of them. To
    be called in a transaction of its own, best at REPEATABLE READ. Without an index, chunks may be larger by one key.
    """
    _ask(connection, _SETTINGS, [])
    planner = _Planner(connection, table, size)
    steps = [*(planner.walk() if table.by_index else planner.sort()), *planner.nulls()]
    chunks = tuple(Chunk(number, *step) for number, step in enumerate(steps, 1))
    return Plan(chunks, tuple(chunk.number for chunk in chunks if chunk.rows > size))


Step = tuple[Range, int]
_NOTHING: list[Step] = [(Range(None, None), 0)]  # an empty table: what comes later is in its one chunk


class _Planner:
    def __init__(self, connection: TaskConnection, table: Table, size: int) -> None:
        key = table.key
        self._connection, self._table, self._size = connection, table.name, size
        self._shape = "rows" if table.partitioned else "edges"
        self._names = [quoted(name) for name in key.columns]
        self._order = ", ".join(self._names)
        self._texts = ", ".join(f"{name}::text" for name in self._names)
        marks = [f"${n + 1}::text::{kind}" for n, kind in enumerate(key.types * 2)]
        self._leading = marks[0]
        self._bounds = _row(marks[: len(key.types)]), _row(marks[len(key.types) :])
        self._nullable = [name for name, may_be in zip(self._names, key.nullable, strict=True) if may_be]
        self._whole = " and ".join(f"{name} is not null" for name in self._nullable) or "true"
        self._step_query = self._write_step(len(key.types) + 1)

    # Step by step through the index

    def walk(self) -> list[Step]:
        """The same question a thousand times: prepared, it takes a quarter less. Nothing prepared is left behind."""
        _ask(self._connection, _WALK, ["off"])
        threshold, self._connection.prepare_threshold = self._connection.prepare_threshold, 1
        try:
            steps = list(self._walked())
        finally:
            self._connection.prepare_threshold = threshold
        _ask(self._connection, "deallocate all", [])
        _ask(self._connection, _WALK, ["on"])
        return steps

    def _walked(self) -> Iterator[Step]:
        at = self._first(None)
        if at is None:
            yield from _NOTHING
        lo: Values | None = None
        while at is not None:
            hi, rows = self._step(at)
            yield Range(lo, hi, None, self._shape), rows
            lo = at = hi

    def _step(self, at: Values) -> tuple[Values | None, int]:
        """From the key `at` to the bound behind it, and the rows between; one question, mostly."""
        found = _ask(self._connection, self._step_query, [*at, self._size]).fetchone()
        if found is None:
            return None, self._count(">=", at)
        *values, same_first, same, ahead, of_key = found
        if same:
            return self._first(at), self._count("=", at)
        hi = (at[0] if same_first else values[0], *values[1:])
        if ahead < _AHEAD and of_key < self._size:
            return hi, self._size - (of_key - ahead)
        return hi, self._count(">=", at, hi)

    def _write_step(self, size: int) -> str:
        """The key that is `$size` rows behind a key; how many rows of it are behind that place, and how many in all.

        What is not behind the place is before it, so the rows up to the bound need not be counted.
        """
        of = {table: [f"{table}.{name}" for name in self._names] for table in ("bound", "ahead", "mine")}
        first = f"{of['bound'][0]} = {self._leading}"
        return f"""
            with ahead as materialized (
              select {self._order} from {self._table} where {_row(self._names)} >= {self._bounds[0]} and {self._whole}
              order by {self._order} offset ${size} limit {_AHEAD}
            ), bound as (select * from ahead order by {self._order} limit 1)
            select {self._texts}, {first}, {_row(of["bound"])} = {self._bounds[0]},
              (select count(*) from ahead where {_row(of["ahead"])} = {_row(of["bound"])}),
              (select count(*) from (
                select from {self._table} mine where {_row(of["mine"])} = {_row(of["bound"])} limit ${size}) of_key)
            from bound
        """

    def _first(self, after: Values | None) -> Values | None:
        """The first key of all, or the first one after another."""
        values = list(after or ())
        above = f"{_row(self._names)} > {self._bounds[0]} and " if after else ""
        first = f"{self._names[0]} = {self._leading}" if after else "false"
        inner = f"select {self._order} from {self._table} where {above}{self._whole} order by {self._order} limit 1"
        query = f"select {self._texts}, {first} from ({inner}) first"
        found = _ask(self._connection, query, values).fetchone()
        if found is None:
            return None
        *values, same_first = found
        return (after[0] if same_first and after else values[0], *values[1:])

    def _count(self, operator: str, low: Values, high: Values | None = None) -> int:
        below = f" and {_row(self._names)} < {self._bounds[1]}" if high else ""
        where = f"{_row(self._names)} {operator} {self._bounds[0]}{below} and {self._whole}"
        return self._counted(where, [*low, *(high or ())])

    # By sorting all keys once

    def sort(self) -> list[Step]:
        """A chunk begins with the first key behind each `size` rows, with a key that is too large, and behind it.

        What is reckoned is named so that no column of the key is called the same.
        """
        query = f"""
            with keys as (
              select {self._order}, count(*) as "#n" from {self._table} where {self._whole} group by {self._order}
            ), placed as (
              select {self._order}, "#n", (sum("#n") over (order by {self._order}) - "#n")::int8 as "#before",
                (sum("#n") over ())::int8 as "#total"
              from keys
            ), marked as (
              select *, "#before" = 0 or "#n" > $1 or lag("#n") over ordered > $1
                or "#before" / $1 <> lag("#before" / $1) over ordered as "#begins"
              from placed window ordered as (order by {self._order})
            )
            select {self._texts}, "#same", "#before", "#total" from (
              select *, lag({self._names[0]}) over ordered = {self._names[0]} as "#same"
              from marked where "#begins" window ordered as (order by {self._order}) order by {self._order}) bounds
        """
        bounds: list[Values] = []
        befores: list[int] = []
        total = 0
        for *values, same_first, before, total in _ask(self._connection, query, [self._size]):  # noqa: B007
            bounds.append((bounds[-1][0] if same_first else values[0], *values[1:]))
            befores.append(before)
        if not bounds:
            return _NOTHING
        ends: list[Values | None] = [*bounds[1:], None]
        starts: list[Values | None] = [None, *bounds[1:]]
        rows = [after - before for before, after in zip(befores, [*befores[1:], total], strict=True)]
        ranges = [Range(lo, hi, None, self._shape) for lo, hi in zip(starts, ends, strict=True)]
        return list(zip(ranges, rows, strict=True))

    # What no bounds can hold

    def nulls(self) -> Iterator[Step]:
        """A range for each column of the key that may be NULL, where no column before it is; also if no row has that
        now: one that comes later is in it, as another one is in the first range or the last."""
        for index, name in enumerate(self._names):
            if name in self._nullable:
                before = [f"{each} is not null and " for each in self._names[:index] if each in self._nullable]
                yield Range(None, None, index), self._counted(f"{''.join(before)}{name} is null", [])

    def _counted(self, where: str, values: Sequence[str | None]) -> int:
        row = _ask(self._connection, f"select count(*) from {self._table} where {where}", values).fetchone()
        return row[0] if row else 0


def _row(columns: Sequence[str]) -> str:
    return f"({', '.join(columns)})"


def _ask(connection: TaskConnection, query: str, values: Sequence[Any]) -> psycopg.RawCursor[Any]:
    return psycopg.RawCursor(connection).execute(query, values)
