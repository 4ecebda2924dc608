"""A load from another database. `server_url` has a second database, `elsewhere`, which is the source."""

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from stepwell.errors import (
    ConfigurationError,
    ConnectionLost,
    DatabaseUnavailable,
    DataError,
    DeadlineExceeded,
    SqlError,
)
from stepwell.etl.connection import TaskConnection, lease
from stepwell.etl.load import load
from stepwell.etl.script import Script

TYPES = {
    "bool": "true",
    "int2": "-32768",
    "int4": "2147483647",
    "int8": "-9223372036854775808",
    "numeric": "123456789012345678901234567890.123456789012345678901234567890",
    "numeric(20, 4)": "-0.0001",
    "float4": "0.1",
    "float8": "-1.7976931348623157e308",
    "text": r"tab	, back\slash, \N, newline\n, 'quotes' \"double\", größe, 🏥",
    "varchar(20)": "it''s",
    "char(5)": "ab",
    '"char"': "x",
    "bytea": r"\x00ff5c4e",
    "date": "4713-01-01 BC",
    "time": "23:59:59.999999",
    "timetz": "12:00:00+05:30",
    "timestamp": "2026-03-29 02:30:00.123456",
    "timestamptz": "2026-10-25 02:30:00+02",
    "interval": "-1 year -2 mons +3 days 04:05:06.789",
    "uuid": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    "json": '{"b": 1, "a": [null, "x"]}',
    "jsonb": '{"a": 1e400}',
    "inet": "192.168.0.1/24",
    "cidr": "10.0.0.0/8",
    "macaddr": "08:00:2b:01:02:03",
    "bit(3)": "101",
    "varbit": "10101",
    "point": "(1.5,-2)",
    "int4range": "[1,10)",
    "int4[]": "{1,NULL,3}",
    "text[]": '{a,"b,c",NULL}',
    "numeric[]": "{1.10,NaN}",
    "tsvector": "'fat':2 'rat':3",
    "money": "$12.34",
    "regclass": "pg_class",
    "oid": "42",
}
SPECIAL = {
    "numeric": ["NaN", "Infinity", "-Infinity", "0.00", "1e-20"],
    "float8": ["NaN", "-Infinity", "0.30000000000000004", "5e-324"],
    "date": ["infinity", "-infinity"],
    "timestamptz": ["infinity", "0001-01-01 00:00:00+00 BC"],
    "text": ["", "\\.", "\\N"],
}


@pytest.fixture
def elsewhere(server_url: str, changed: Callable[..., str]) -> Iterator[str]:
    """A source that differs in all it can: encoding, date style, interval style, digits of a float."""
    name = f"etl_source_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"create database {name} template template0")
        for setting in (
            "datestyle = 'SQL, DMY'",
            "intervalstyle = 'sql_standard'",
            "extra_float_digits = -5",
            "timezone = 'Asia/Kolkata'",
        ):
            admin.execute(f"alter database {name} set {setting}")
        yield changed(server_url, database=name)
        admin.execute(f"drop database {name} with (force)")


@pytest.fixture
def source(elsewhere: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(elsewhere, autocommit=True) as connection:
        yield connection


@pytest.fixture
def connection(database: str) -> Iterator[TaskConnection]:
    with lease(database, "test") as leased:
        yield leased


def fill(source: psycopg.Connection[Any]) -> str:
    """A table `types` with a row of values, a row of NULLs and rows of special ones; answers its columns."""
    columns = ", ".join(f"c{number} {kind}" for number, kind in enumerate(TYPES))
    source.execute("set datestyle = 'ISO'")
    source.execute("create sequence rows")
    source.execute(f"create table types (id int primary key default nextval('rows'), {columns})")
    values = [text.replace("''", "'") for text in TYPES.values()]
    casts = ", ".join(f"(%s::text)::{kind}" for kind in TYPES)
    names = ", ".join(f"c{number}" for number in range(len(TYPES)))
    source.execute(f"insert into types ({names}) values ({casts})", values)
    source.execute("insert into types default values")
    for kind, texts in SPECIAL.items():
        for text in texts:
            query = f"insert into types (c{list(TYPES).index(kind)}) values ((%s::text)::{kind})"
            source.execute(query, [text])
    return columns


def everything(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    """All rows of `types` as text, in one style."""
    connection.execute(
        "set datestyle = 'ISO'; set intervalstyle = 'postgres'; set extra_float_digits = 3; set timezone = 'UTC'"
    )
    casts = ", ".join(f"c{number}::text" for number in range(len(TYPES)))
    return connection.execute(f"select id, {casts} from types order by id").fetchall()


def loaded(connection: TaskConnection, query: str, into: str, source: str | None, **params: Any) -> int:
    rows = load(connection, into, Script.parse(query, "sql/q.sql"), params, source).rows
    connection.end(commit=True)
    return rows


def test_every_common_type_arrives_as_it_was(connection: TaskConnection, source: Any, elsewhere: str) -> None:
    """Into a table made by the load, into the same by a swap, and into one whose types differ, by text."""
    columns = fill(source)
    expected = everything(source)
    count = 2 + sum(map(len, SPECIAL.values()))
    for _ in range(2):
        assert loaded(connection, "select * from types", "types", elsewhere) == len(expected) == count
        assert everything(connection) == expected
    connection.execute("drop table types")
    wider = columns.replace(" int2,", " int8,").replace(" float4,", " float8,").replace("varchar(20)", "text")
    connection.execute(f"create table types (id numeric primary key, {wider})")
    assert loaded(connection, "select * from types", "types", elsewhere) == count
    connection.execute("alter table types alter c6 type float4, alter id type int")
    assert everything(connection) == expected


def test_binary_goes_between_equal_types_only(connection: TaskConnection, source: Any, elsewhere: str) -> None:
    """A short binary number in a wide column would be an error of the protocol; text is right."""
    source.execute("create type mood as enum ('sad', 'glad'); create domain small as int check (value < 10)")
    source.execute("create table a as select 1::int as i, 'glad'::mood as m, 7::small as s, '{sad}'::mood[] as ms")
    connection.execute("create type other as enum ('x'); create type mood as enum ('glad', 'sad')")
    connection.execute(
        "create domain small as int check (value < 10); create table a (i int8, m mood, s small, ms mood[])"
    )
    assert loaded(connection, "select * from a", "a", elsewhere) == 1
    assert connection.execute("select i, m::text, s, ms::text from a").fetchall() == [(1, "glad", 7, "{sad}")]


def test_a_source_in_another_encoding_arrives_in_ours(
    connection: TaskConnection, server_url: str, changed: Callable[..., str]
) -> None:
    name = f"etl_latin_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"create database {name} template template0 encoding 'LATIN1' locale_provider libc locale 'C'")
        try:
            assert loaded(connection, "select 'größe' || chr(233) as t", "a", changed(server_url, database=name)) == 1
        finally:
            admin.execute(f"drop database {name} with (force)")
    assert connection.execute("select t from a").fetchone() == ("größeé",)


def test_parameters_reach_the_source_as_values(connection: TaskConnection, elsewhere: str) -> None:
    query = """
    select :evil as evil, 10 -:n as minus, :day::date + 1 as day, 5 = any(:list) as found, :none is null as nothing,
      :yes as yes, :rate as rate
    """
    values = {"evil": "x'; drop table a; --\\", "n": -5, "day": "2026-03-01", "list": [4, 5], "none": None, "yes": True}
    values["rate"] = 0.0  # as a literal it would be numeric, whose eight bytes are another float8
    with pytest.raises(SqlError, match=r"in the source .*parameter :none"):
        loaded(connection, query, "a", elsewhere, **values)
    connection.end(commit=False)
    assert loaded(connection, query.replace(":none", ":none::int"), "a", elsewhere, **values) == 1
    row = connection.execute("select evil, minus, day::text, found, nothing, yes, rate from a").fetchone()
    assert row == (values["evil"], 15, "2026-03-02", True, True, True, 0.0)


def test_memory_does_not_grow_with_the_rows(
    database: str, source: Any, elsewhere: str, peak_memory: Callable[[str], int]
) -> None:
    source.execute("create table big as select g as id, repeat('x', 1000) as t from generate_series(1, 200000) g")
    code = f"""
from stepwell.etl.connection import connect
from stepwell.etl.load import load
from stepwell.etl.script import Script
with connect({database!r}, "test") as connection:
    assert load(connection, "big", Script.parse("select * from big", "q.sql"), {{}}, {elsewhere!r}).rows == 200000
"""
    assert peak_memory(code) < 100  # the rows are 200 MB
    with psycopg.connect(database) as check:
        assert check.execute("select sum(id), min(length(t)) from big").fetchone() == (20000100000, 1000)


def test_the_same_database_as_source_needs_no_copy_through_the_client(
    connection: TaskConnection, database: str
) -> None:
    """What the transaction has not committed yet is seen: no second connection reads."""
    connection.execute("create table a as select 1 as n")
    assert loaded(connection, "select n from a", "b", database) == 1


def test_the_source_is_read_only_and_one_snapshot(connection: TaskConnection, source: Any, elsewhere: str) -> None:
    source.execute(
        "create table a (n int); create function f() returns int language sql as 'insert into a values (1) returning n'"
    )
    with pytest.raises(ConfigurationError, match="read-only"):
        loaded(connection, "select f() as n", "b", elsewhere)
    query = "select current_setting('transaction_isolation') as isolation"
    connection.end(commit=False)
    loaded(connection, query, "b", elsewhere)
    assert connection.execute("select isolation from b").fetchone() == ("repeatable read",)


@pytest.mark.parametrize("extra", [True, False], ids=["asyncpg", "psycopg"])
def test_limits_of_the_sources_server_for_silence_give_way_to_the_tasks_own(
    connection: TaskConnection, source: Any, elsewhere: str, monkeypatch: pytest.MonkeyPatch, extra: bool
) -> None:
    """Its transaction is silent while rows come by another connection, and while indexes are made."""
    if not extra:
        monkeypatch.setattr("stepwell.etl.copy.find_spec", lambda _: None)
    limits = ["idle_in_transaction_session_timeout", "transaction_timeout"][
        : 1 + (source.info.server_version >= 170000)
    ]
    for limit in limits:
        source.execute(f"alter database {source.info.dbname} set {limit} = '200ms'")
    connection.execute(
        "create function slow(int) returns int immutable language plpgsql as "
        "'begin perform pg_sleep(0.5); return $1; end'; create table a (n int, x text); create index on a (slow(n))"
    )
    connection.deadline = time.monotonic() + 60
    assert loaded(connection, "select 1 as n, pg_sleep(0.5)::text as x", "a", elsewhere) == 1


def test_a_mistake_in_the_source_names_it_with_file_line_and_caret(connection: TaskConnection, elsewhere: str) -> None:
    with pytest.raises(SqlError) as caught:
        loaded(connection, "select 1 as a,\n  :n + nothing as b", "b", elsewhere, n=1)
    lines = caught.value.message.splitlines()
    assert lines[0].startswith("in the source (database etl_source_")
    assert lines[0].endswith('): sql/q.sql:2: column "nothing" does not exist')
    assert lines[1:3] == ["    :n + nothing as b", "         ^"]


def test_a_row_that_fails_in_the_source_leaves_the_old_table(
    connection: TaskConnection, source: Any, elsewhere: str, recwarn: pytest.WarningsRecorder
) -> None:
    connection.execute("create table a as select -1 as n")
    connection.end(commit=True)
    with pytest.raises(DataError, match=r"in the source .*sql/q\.sql:1: division by zero"):
        loaded(connection, "select 100 / (150000 - g) as n from generate_series(1, 200000) g", "a", elsewhere)
    connection.end(commit=False)
    assert connection.execute("select n from a").fetchall() == [(-1,)]


def test_a_row_that_the_target_refuses_is_named_with_its_line(connection: TaskConnection, elsewhere: str) -> None:
    connection.execute("create table a (n int check (n < 150000))")
    connection.end(commit=True)
    with pytest.raises(DataError, match=r"sql/q\.sql:1: .*\n(.*\n)*CONTEXT: COPY .*line 150000") as caught:
        loaded(connection, "select g as n from generate_series(1, 200000) g", "a", elsewhere)
    assert "in the source" not in caught.value.message


def test_a_source_that_goes_away_is_a_lost_connection(connection: TaskConnection, source: Any, elsewhere: str) -> None:
    source.execute(
        "create function bye(n int) returns bool language plpgsql as "
        "'begin if n = 100000 then perform pg_terminate_backend(pg_backend_pid()); end if; return true; end'"
    )
    with pytest.raises(ConnectionLost, match="in the source"):
        loaded(connection, "select bye(g) as n from generate_series(1, 200000) g", "a", elsewhere)


def test_the_deadline_holds_in_the_source_too(connection: TaskConnection, elsewhere: str) -> None:
    import time

    connection.deadline = time.monotonic() + 0.5
    with pytest.raises(DeadlineExceeded):
        loaded(connection, "select pg_sleep(60)::text as n", "a", elsewhere)


def test_a_source_that_cannot_be_reached_is_named_without_its_password(connection: TaskConnection) -> None:
    with pytest.raises(DatabaseUnavailable, match=r"database shop at nowhere\.invalid:5432 as etl") as caught:
        loaded(connection, "select 1 as n", "a", "postgresql://etl:sw0rdf1sh@nowhere.invalid/shop")
    assert "sw0rdf1sh" not in str(caught.value)
