"""The query of a load, in the target itself or in another database: what columns it has, and its rows into a table."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, LiteralString, Protocol

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from stepwell.errors import ConfigurationError, StepwellError
from stepwell.etl.connection import TaskConnection, connect
from stepwell.etl.failure import explain
from stepwell.etl.run import execute, values_of
from stepwell.etl.script import Script, Statement

_LOT = 256 * 1024  # bytes: psycopg yields a row at a time, and a third of the speed is lost on small writes
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


class Query(Protocol):
    """A query that can fill a table. `columns` are its names with the type's oid, in order."""

    place: str
    columns: dict[str, int]

    def insert(self, table: Identifier, known: Mapping[str, int]) -> int:
        """Its rows into a table whose columns are `known`, by name; answers how many."""
        ...

    def create(self, table: Identifier) -> int:
        """Its rows into a new table of its columns."""
        ...


@contextmanager
def opened(
    connection: TaskConnection, script: Script, params: Mapping[str, Any], source: str | None
) -> Iterator["HereQuery | ThereQuery"]:
    """The script's one statement as a query: in the connection's own database, or in the one of the URL `source`."""
    statement = _only(script)
    values = values_of(script, statement, params)
    if source is None:
        yield HereQuery(connection, statement, values)
        return
    with closing(connect(source, f"{connection.application} source")) as there:
        if _address(there) == _address(connection):
            yield HereQuery(connection, statement, values)  # never through the client what can stay in the server
        else:
            yield ThereQuery(connection, there, statement, values)


class HereQuery:
    """A query in the target's own database: INSERT … SELECT."""

    def __init__(self, connection: TaskConnection, statement: Statement, values: list[Any]) -> None:
        self.place = statement.place
        self._connection, self._statement, self._values = connection, statement, values
        self.columns, _ = _describe(connection, statement, values)

    def insert(self, table: Identifier, known: Mapping[str, int]) -> int:
        before = SQL("insert into {} ({})\n").format(table, _list(self.columns)).as_string(self._connection)
        return execute(self._connection, self._statement, self._values, before).rowcount

    def create(self, table: Identifier) -> int:
        before = SQL("create table {} as\n").format(table).as_string(self._connection)
        return execute(self._connection, self._statement, self._values, before).rowcount


class ThereQuery:
    """A query in another database: COPY out of there, in blocks, into here. Memory does not grow with the rows."""

    def __init__(self, here: TaskConnection, there: TaskConnection, statement: Statement, values: list[Any]) -> None:
        self.place = statement.place
        self._here, self._there, self._statement, self._values = here, there, statement, values
        self._where = f"database {there.info.dbname} at {there.info.host}:{there.info.port}"
        there.deadline = here.deadline
        there.read_only = True
        there.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with self._in_source():
            there.execute(_STYLES)
            self.columns, self._modifiers = _describe(there, statement, values)

    def insert(self, table: Identifier, known: Mapping[str, int]) -> int:
        kind = "binary" if self._agrees(known) else "text"
        command = SQL("copy {} ({}) from stdin (format {})").format(table, _list(self.columns), SQL(kind))
        self._here.execute(_STYLES)
        self._here.keep_deadline()
        cursor = self._here.cursor()
        try:
            with closing(self._lots(kind)) as lots, cursor.copy(command) as copy:
                for lot in lots:
                    copy.write(lot)
        except psycopg.Error as error:
            raise explain(error, self.place) from error
        return cursor.rowcount

    def create(self, table: Identifier) -> int:
        columns = [SQL("{} {}").format(Identifier(name), SQL(kind)) for name, kind in self._types().items()]
        self._here.execute(SQL("create table {} ({})").format(table, SQL(", ").join(columns)))
        return self.insert(table, self.columns)

    def _types(self) -> dict[str, LiteralString]:
        query = "select format_type(oid, modifier) from unnest($1::oid[], $2::int4[]) as t(oid, modifier)"
        with self._in_source():
            rows = psycopg.RawCursor(self._there).execute(query, [list(self.columns.values()), self._modifiers])
            return {name: kind for name, (kind,) in zip(self.columns, rows, strict=True)}

    def _agrees(self, known: Mapping[str, int]) -> bool:
        """Whether every column has the same type on both sides, and one that is sent the same by every server."""
        pairs = ((oid, known[name]) for name, oid in self.columns.items())
        return all(
            oid < _FIRST_USER_OID and oid not in _TEXT_ONLY and _SAME.get(oid, oid) == _SAME.get(other, other)
            for oid, other in pairs
        )

    def _lots(self, kind: str) -> Generator[bytearray, None, None]:
        literals = {
            name: Literal(value).as_string(self._there)
            for name, value in zip(self._statement.names, self._values, strict=True)
        }
        # Its SQL was tried by _describe: what fails now fails on the rows, and needs no place inside the statement.
        command = f"copy (\n{self._statement.inline(literals)}\n) to stdout (format {kind})"
        with self._in_source():
            self._there.keep_deadline()
            lot = bytearray()
            with self._there.cursor().copy(command) as copy:
                for block in copy:
                    lot += block
                    if len(lot) >= _LOT:
                        yield lot
                        lot = bytearray()
            yield lot

    @contextmanager
    def _in_source(self) -> Iterator[None]:
        try:
            yield
        except (psycopg.Error, StepwellError) as error:
            ours = explain(error, self.place)
            raise type(ours)(f"in the source ({self._where}): {ours.message}") from error


def _only(script: Script) -> Statement:
    if len(script.statements) != 1:
        raise ConfigurationError(
            f"{script.file}: a load takes one query, and here are {len(script.statements)} statements"
        )
    statement = script.statements[0]
    if statement.text[:1] != "(" and statement.words[:1] and statement.words[0] not in _QUERIES:
        raise ConfigurationError(f"{statement.place}: a load takes a query, not {statement.words[0].upper()}")
    return statement


def _describe(connection: TaskConnection, statement: Statement, values: list[Any]) -> tuple[dict[str, int], list[int]]:
    """Names, types and type modifiers of the query's columns, without running it."""
    result = execute(connection, statement, values, "select * from (\n", "\n) as query limit 0").pgresult
    assert result is not None
    count = range(result.nfields)
    names = [(result.fname(index) or b"").decode() for index in count]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or "?column?" in names:
        what = f"more than one column called {', '.join(twice)}" if twice else "a column without a name"
        raise ConfigurationError(f"{statement.place}: the query gives {what}; columns go by name: use AS")
    return {name: result.ftype(index) for index, name in enumerate(names)}, [result.fmod(i) for i in count]


def _list(columns: Mapping[str, int]) -> Any:
    return SQL(", ").join(map(Identifier, columns))


def _address(connection: TaskConnection) -> tuple[str, int, str, str]:
    info = connection.info
    return info.host, info.port, info.dbname, info.user
