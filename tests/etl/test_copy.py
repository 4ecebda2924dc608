"""Rows on the wire from one database to another: by asyncpg, and by psycopg where that is not there."""

import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from stepwell.errors import DataError, DeadlineExceeded, SqlError
from stepwell.etl import copy, copy_asyncpg, query
from stepwell.etl.connection import TaskConnection, connect, lease
from stepwell.etl.load import load
from stepwell.etl.options import Options
from stepwell.etl.script import Script

ROWS = """
select g as id, repeat('x', g % 300) as t, g * 0.01 as n, case when g % 3 = 0 then now() end as at
from generate_series(1, 60000) g
"""
WAYS = [copy_asyncpg.pour, copy._pour]


@pytest.fixture
def elsewhere(server_url: str, changed: Callable[..., str]) -> Iterator[str]:
    name = f"etl_copy_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"create database {name}")
        yield changed(server_url, database=name)
        admin.execute(f"drop database {name} with (force)")


@pytest.fixture(params=WAYS, ids=["asyncpg", "psycopg"])
def connection(database: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr("stepwell.etl.query.pour", request.param)
    with lease(database, "test") as leased:
        yield leased


def loaded(connection: TaskConnection, sql: str, source: str, into: str = "a") -> int:
    told = load(connection, into, Script.parse(sql, "sql/q.sql"), {}, source)
    connection.end(commit=True)
    return told.rows


@pytest.mark.parametrize("kind", ["binary", "text"])
def test_both_ways_carry_the_same_bytes(elsewhere: str, kind: str) -> None:
    carried = []
    for pour in WAYS:
        with connect(elsewhere, "test") as source:
            source.execute("select")
            pieces: list[bytes] = []
            pour(source, ROWS.replace("now()", "date '2026-01-01'") + " -- the end", kind, pieces.append)
            carried.append(b"".join(pieces))
    assert carried[0] == carried[1]
    assert len(carried[0]) > 8_000_000


def test_all_rows_arrive_into_a_new_table_and_into_one_that_is_there(
    connection: TaskConnection, elsewhere: str
) -> None:
    for _ in range(2):
        assert loaded(connection, ROWS, elsewhere) == 60000
        row = connection.execute("select count(*), sum(id), sum(length(t)), sum(n), count(at) from a").fetchone()
        assert row is not None
        assert [int(value) for value in row] == [60000, 1800030000, 8970000, 18000300, 20000]


def test_the_rows_are_part_of_the_tasks_own_transaction(connection: TaskConnection, elsewhere: str) -> None:
    load(connection, "a", Script.parse(ROWS, "q.sql"), {}, elsewhere)
    connection.end(commit=False)
    assert connection.execute("select to_regclass('a')").fetchone() == (None,)


def test_an_error_of_the_source_and_one_of_the_target_are_told_apart(
    connection: TaskConnection, elsewhere: str
) -> None:
    with pytest.raises(DataError, match=r"in the source .*sql/q\.sql:1: division by zero") as caught:
        loaded(connection, "select 100 / (150000 - g) as n from generate_series(1, 200000) g", elsewhere)
    assert "22012" in caught.value.message
    connection.end(commit=False)
    connection.execute("create table a (n int check (n < 150000))")
    with pytest.raises(DataError, match=r"^sql/q\.sql:1: .*a_n_check"):
        loaded(connection, "select g as n from generate_series(1, 200000) g", elsewhere)
    connection.end(commit=False)
    with pytest.raises(SqlError, match="in the source"):
        loaded(connection, "select pg_cancel_backend(pg_backend_pid()), pg_sleep(9)::text as n", elsewhere)


def test_a_statement_of_the_source_ends_with_the_deadline(connection: TaskConnection, elsewhere: str) -> None:
    import time

    connection.deadline = time.monotonic() + 0.5
    with pytest.raises(DeadlineExceeded):
        loaded(connection, "select pg_sleep(60)::text as n", elsewhere)


def test_the_source_is_read_in_one_read_only_snapshot(connection: TaskConnection, elsewhere: str) -> None:
    sql = "select current_setting('transaction_read_only') as r, current_setting('transaction_isolation') as i"
    loaded(connection, sql, elsewhere)
    assert connection.execute("select r, i from a").fetchone() == ("on", "repeatable read")


def test_memory_does_not_grow_with_the_rows(
    connection: TaskConnection, database: str, elsewhere: str, peak_memory: Callable[[str], int]
) -> None:
    way = query.pour.__module__.rpartition(".")[2]
    name = "pour" if way == "copy_asyncpg" else "_pour"
    code = f"""
from stepwell.etl import copy, copy_asyncpg, query
from stepwell.etl.connection import connect
from stepwell.etl.load import load
from stepwell.etl.script import Script
query.pour = {way}.{name}
rows = "select g as id, repeat('x', 1000) as t from generate_series(1, 200000) g"
with connect({database!r}, "test") as connection:
    assert load(connection, "big", Script.parse(rows, "q.sql"), {{}}, {elsewhere!r}).rows == 200000
"""
    assert peak_memory(code) < 100  # the rows are 200 MB


def test_the_extra_is_used_if_it_is_there_and_can_reach_the_source(
    elsewhere: str, monkeypatch: pytest.MonkeyPatch, changed: Callable[..., str]
) -> None:
    used: list[str] = []
    monkeypatch.setattr(copy_asyncpg, "pour", lambda *_: not used.append("asyncpg"))  # type: ignore[func-returns-value]
    monkeypatch.setattr(copy, "_pour", lambda *_: used.append("psycopg"))
    for url in (elsewhere, f"{elsewhere}?options=-c%20statement_timeout%3D5min"):
        with connect(url, "test") as source:
            copy.pour(source, "select 1", "text", lambda _: None)
    monkeypatch.setattr(copy, "find_spec", lambda _: None)
    with connect(elsewhere, "test") as source:
        copy.pour(source, "select 1", "text", lambda _: None)
    assert used == ["asyncpg", "psycopg", "psycopg"]


def test_without_a_second_connection_the_first_one_reads(
    database: str, elsewhere: str, server_url: str, changed: Callable[..., str]
) -> None:
    role = f"reader_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"create role {role} login password 'pw' connection limit 1")
        try:
            with lease(database, "test") as connection:
                assert loaded(connection, ROWS, changed(elsewhere, user=role, password="pw")) == 60000
        finally:
            admin.execute(f"drop role {role}")


def test_only_one_file_knows_asyncpg() -> None:
    folder = Path(copy.__file__).parents[1]
    assert [path.name for path in folder.rglob("*.py") if "import asyncpg" in path.read_text()] == ["copy_asyncpg.py"]
    code = "import sys, stepwell.etl.load; assert 'asyncpg' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_row_at_which_the_source_fails_is_not_a_bad_row(connection: TaskConnection, elsewhere: str) -> None:
    connection.execute("create table a (id int)")
    query = Script.parse("select 1 / (5 - g) as id from generate_series(1, 9) g", "sql/q.sql")
    with pytest.raises(DataError, match=r"in the source \(database .*: division by zero"):
        load(connection, "a", query, {}, elsewhere, Options(rejects=3))
