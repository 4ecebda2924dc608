"""The query of a load, in the target itself or in another database: what columns it has, and its rows into a table."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Any

import psycopg
from psycopg.sql import SQL, Composable, Identifier, Literal

from stepwell.errors import ConfigurationError, StepwellError
from stepwell.etl.catalog import plain_types
from stepwell.etl.connection import TaskConnection, connect, lease
from stepwell.etl.copy import pour
from stepwell.etl.failure import explain
from stepwell.etl.fence import set_limits
from stepwell.etl.ranges import Key, Range, literal_predicate
from stepwell.etl.run import execute, values_of
from stepwell.etl.script import Script, Statement
from stepwell.etl.sources import Column, Staged

_QUERIES = ("select", "values", "table", "with")
_FIRST_USER_OID = 16384
# text, varchar: the same in binary.
_SAME = {1043: 25}
# Types whose binary form is a number of one database's catalog, or which have none: oid, reg…, aclitem, records.
_TEXT_ONLY = {24, 26, 1033, 2202, 2203, 2204, 2205, 2206, 2249, 2287, 3734, 3769, 4089, 4096, 4191}
# Text must mean the same on both sides, whatever their settings.
_STYLES = """
select set_config('datestyle', 'ISO', true), set_config('intervalstyle', 'postgres', true),
  set_config('extra_float_digits', '3', true)
"""
_TYPES = "select oid::int8, format_type(oid, modifier) from unnest($1::oid[], $2::int4[]) as t(oid, modifier)"
# Whether two connections speak to the same database as the same user, by whatever host name.
_IDENTITY = """
select current_database(), current_user, current_setting('port'), extract(epoch from pg_postmaster_start_time()),
  current_setting('search_path')
"""
_STAGE = Identifier("pg_temp", "stepwell_given")
_NOTHING = SQL("")
_NUMBER = Identifier("s", "stepwell_row")


@contextmanager
def opened(
    connection: TaskConnection, script: Script, params: Mapping[str, Any], source: str | None, keep: bool = False
) -> Iterator["HereQuery | ThereQuery"]:
    """The script's one statement as a query: in the connection's own database, or in the one of the URL `source`."""
    statement = _only(script)
    values = values_of(script, statement, params)
    with reading(connection, source, keep) as there:
        if there is connection or _identity(there) == _identity(connection):
            yield HereQuery(connection, statement, values)  # never through the client what can stay in the server
        else:
            yield ThereQuery(connection, there, statement, values)


@contextmanager
def reading(connection: TaskConnection, source: str | None, keep: bool = False) -> Iterator[TaskConnection]:
    """A connection to the source, for one snapshot; the given one if there is no source. `keep`: for the next time."""
    if source is None:
        yield connection
        return
    application = f"{connection.application} source"
    with lease(source, application) if keep else closing(connect(source, application)) as there:
        there.deadline = connection.deadline
        there.read_only, there.isolation_level = True, psycopg.IsolationLevel.REPEATABLE_READ
        try:
            if there.deadline is not None:
                set_limits(there)  # it is silent while rows come by another connection, and while indexes are made
            yield there
        finally:
            with suppress(psycopg.Error):  # what was to be read has been read
                there.end(commit=False)
                there.read_only = there.isolation_level = None


class HereQuery:
    """A query in the target's own database: INSERT … SELECT."""

    what = "the query"
    locates = False

    def __init__(self, connection: TaskConnection, statement: Statement, values: list[Any]) -> None:
        self.place = statement.place
        self._connection, self._statement, self._values = connection, statement, values
        self.columns = _describe(connection, statement, values)
        self._start: Composable | None = None

    def since(self, column: str, start: Composable) -> None:
        self._start = _at_least(column, start)

    def within(self, range_: Range, key: Key) -> None:
        self._start = _within(range_, key, self._connection)

    def insert(self, table: Identifier, into: Mapping[str, Column]) -> int:
        head = SQL("insert into {} ({}) overriding system value\n").format(table, _list(into))
        return self._run(head, into)

    def stage(self, into: Mapping[str, Column], allowed: int) -> Staged:
        create = (
            "create temp table stepwell_given on commit drop as select row_number() over () as stepwell_row, * from"
        )
        self._run(SQL(create + " (\n"), into, SQL("\n) as numbered"))
        return _staged(self.place, {name: Identifier("s", name) for name in into})

    def _run(self, head: Composable, into: Mapping[str, Column], tail: Composable = _NOTHING) -> int:
        before, after = _around(self.columns, into, self._start)
        first, last = (head + before).as_string(self._connection), (after + tail).as_string(self._connection)
        return execute(self._connection, self._statement, self._values, first, last).rowcount


class ThereQuery:
    """A query in another database: COPY out of there, in blocks, into here. Memory does not grow with the rows."""

    what = "the query"
    locates = False

    def __init__(self, here: TaskConnection, there: TaskConnection, statement: Statement, values: list[Any]) -> None:
        self.place = statement.place
        self._here, self._there, self._statement, self._values = here, there, statement, values
        self._where = f"database {there.info.dbname} at {there.info.host}:{there.info.port}"
        self._start: Composable | None = None
        self._failed: StepwellError | None = None  # what the source said when it refused
        with self._in_source():
            there.execute(_STYLES)
            # In a transaction that stays open: what was described keeps its types until it has been read.
            self.columns = _describe(there, statement, values)

    def since(self, column: str, start: Composable) -> None:
        self._start = _at_least(column, start)

    def within(self, range_: Range, key: Key) -> None:
        self._start = _within(range_, key, self._there)

    def insert(self, table: Identifier, into: Mapping[str, Column]) -> int:
        return self._copy(table, into, "binary" if self._agrees(into) else "text")

    def stage(self, into: Mapping[str, Column], allowed: int) -> Staged:
        if self._failed:
            raise self._failed  # no row's fault
        texts = SQL(", ").join(SQL("{} text").format(Identifier(name)) for name in into)
        create = "create temp table stepwell_given (stepwell_row int8 generated always as identity, {}) on commit drop"
        self._here.execute(SQL(create).format(texts))
        self._copy(_STAGE, into, "text")
        return _staged(self.place, read_as(self._here, into))

    def _copy(self, table: Identifier, into: Mapping[str, Column], kind: str) -> int:
        command = SQL("copy {} ({}) from stdin (format {})").format(table, _list(into), SQL(kind))
        self._here.execute(_STYLES)
        self._here.keep_deadline()
        cursor = self._here.cursor()
        query = self._query(into)
        try:
            with cursor.copy(command) as copy, self._in_source():
                self._there.keep_deadline()
                pour(self._there, query, kind, _Sink(copy))
        except psycopg.Error as error:
            raise explain(error, self.place) from error
        except _Refused as refused:
            raise explain(refused.error, self.place) from refused.error
        return cursor.rowcount

    def _query(self, into: Mapping[str, Column]) -> str:
        """Its text with the values as literals. `_describe` has tried it: what fails now, fails on the rows."""
        literals = {
            name: Literal(value).as_string(self._there) + _typed(value)
            for name, value in zip(self._statement.names, self._values, strict=True)
        }
        before, after = _around(self.columns, into, self._start)
        text = self._statement.inline(literals)
        return f"{before.as_string(self._there)}{text}{after.as_string(self._there)}"

    def _agrees(self, into: Mapping[str, Column]) -> bool:
        """Whether every column has the same type on both sides, and one that is sent the same by every server."""
        pairs = ((self.columns[name].oid, column.oid) for name, column in into.items())
        return all(
            oid < _FIRST_USER_OID and oid not in _TEXT_ONLY and _SAME.get(oid, oid) == _SAME.get(other, other)
            for oid, other in pairs
        )

    @contextmanager
    def _in_source(self) -> Iterator[None]:
        try:
            yield
        except (psycopg.Error, StepwellError) as error:
            ours = explain(error, self.place)
            self._failed = type(ours)(f"in the source ({self._where}): {ours.message}")
            raise self._failed from error


class _Refused(Exception):
    """What the target said to a block of rows: it must not be taken for an error of the source."""

    def __init__(self, error: psycopg.Error) -> None:
        self.error = error


class _Sink:
    def __init__(self, copy: psycopg.Copy) -> None:
        self._copy = copy

    def __call__(self, block: bytes | bytearray) -> None:
        try:
            self._copy.write(block)
        except psycopg.Error as error:
            raise _Refused(error) from error


def read_as(connection: TaskConnection, into: Mapping[str, Column]) -> dict[str, Composable]:
    """Expressions that read the texts of `s` as the types of the columns, as COPY would."""
    kinds = plain_types(connection, into)
    return {name: SQL("{}::{}").format(Identifier("s", name), SQL(kinds[name])) for name in into}


def _staged(place: str, values: dict[str, Composable]) -> Staged:
    where = SQL("concat('row ', {}, ' of ', {}::text)").format(_NUMBER, Literal(place))
    content = SQL("to_jsonb(s) - 'stepwell_row'")
    return Staged(_STAGE, _NOTHING, values, where, content, [])


def _within(range_: Range, key: Key, connection: TaskConnection) -> Composable:
    """Only the rows of a range of keys."""
    condition = literal_predicate(range_, key, "q", lambda value: Literal(value).as_string(connection))
    return SQL(" where ") + SQL(condition)


def _at_least(column: str, start: Composable) -> Composable:
    # Rows without a watermark must be seen: they are refused, where they would be forgotten.
    return SQL(" where {0} >= {1} or {0} is null").format(Identifier("q", column), start)


def _around(
    columns: Mapping[str, Column], into: Mapping[str, Column], start: Composable | None
) -> tuple[Composable, Composable]:
    """What is put around the query, so that it gives these columns and no others, from there on."""
    if start is None and list(columns) == list(into):
        return _NOTHING, _NOTHING
    names = SQL(", ").join(Identifier("q", name) for name in into)
    return SQL("select {} from (\n").format(names), SQL("\n) as q") + (start or _NOTHING)


def _only(script: Script) -> Statement:
    if len(script.statements) != 1:
        raise ConfigurationError(
            f"{script.file}: a load takes one query, and here are {len(script.statements)} statements"
        )
    statement = script.statements[0]
    if statement.text[:1] != "(" and statement.words[:1] and statement.words[0] not in _QUERIES:
        raise ConfigurationError(f"{statement.place}: a load takes a query, not {statement.words[0].upper()}")
    return statement


def _describe(connection: TaskConnection, statement: Statement, values: list[Any]) -> dict[str, Column]:
    """Names and types of the query's columns, without running it."""
    result = execute(connection, statement, values, "select * from (\n", "\n) as query limit 0").pgresult
    assert result is not None
    count = range(result.nfields)
    names = [(result.fname(index) or b"").decode() for index in count]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or "?column?" in names:
        what = f"more than one column called {', '.join(twice)}" if twice else "a column without a name"
        raise ConfigurationError(f"{statement.place}: the query gives {what}; columns go by name: use AS")
    asked = [[result.ftype(index) for index in count], [result.fmod(index) for index in count]]
    types = psycopg.RawCursor(connection).execute(_TYPES, asked)
    return {name: Column(*row) for name, row in zip(names, types, strict=True)}


def _typed(value: Any) -> str:
    """The cast without which a literal has another type than the bound value had that was described."""
    return "::float8" if isinstance(value, float) else ""


def _list(columns: Mapping[str, Column]) -> Composable:
    return SQL(", ").join(map(Identifier, columns))


def _identity(connection: TaskConnection) -> tuple[Any, ...]:
    return tuple(connection.execute(_IDENTITY).fetchone() or ())
