"""A load in chunks: many transactions, and for readers still one moment; each row once, whatever fails between."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from stepwell.errors import ConfigurationError, DataError
from stepwell.etl import chunked
from stepwell.etl.chunked import Job
from stepwell.etl.connection import close_all
from stepwell.etl.load_chunks import ChunkedLoad
from stepwell.etl.options import Options
from stepwell.etl.script import Script
from tests.etl.chunking import KEY, job, run_all

SOURCE = "create table visit (id int primary key, day date, person text, amount numeric(8,2))"
ROWS = """
insert into visit select i, date '2026-01-01' + i / 50, nullif('P' || i % 7, 'P3'), i from generate_series(1, 1000) i
"""


@pytest.fixture
def elsewhere(server_url: str, changed: Callable[..., str]) -> Iterator[str]:
    """Another database, with 1,000 visits."""
    name = f"etl_source_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"create database {name}")
        url = changed(server_url, database=name)
        with psycopg.connect(url) as source:
            source.execute(SOURCE)
            source.execute(ROWS)
            source.execute("create index on visit (day, person)")
        yield url
        close_all()
        admin.execute(f"drop database {name} with (force)")


def asked(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query)
        return cursor.fetchall() if cursor.description else []


def loading(
    url: str,
    source: str | None,
    query: str = "select * from visit",
    by: tuple[str, ...] = ("day", "person"),
    mode: str = "swap",
    run: str = "night",
    size: int = 100,
) -> Job:
    script = Script.parse(query, "sql/visits.sql")
    load = ChunkedLoad("loaded", script, {"least": 500}, source, Options(mode), KEY, run, "visit", by)
    return job(url, size=size, run=run, by=by)._replace(
        table="visit",
        at=load.at,
        find=load.find,
        freeze=load.freeze,
        prepare=load.prepare,
        work=lambda document, _: load.work(document),
        finish=load.finish,
    )


def hidden(url: str) -> list[tuple[Any, ...]]:
    return asked(url, "select relname from pg_class where relname like 'stepwell_load%' and relkind = 'r'")


def visits(url: str, table: str) -> list[tuple[Any, ...]]:
    return asked(url, f"select * from {table} order by id")


@pytest.mark.parametrize("by", [("id",), ("day", "person")])
def test_all_rows_come_over_those_with_null_in_the_key_too(database: str, elsewhere: str, by: tuple[str, ...]) -> None:
    assert run_all(loading(database, elsewhere, by=by))["rows"] == 1000
    assert visits(database, "loaded") == visits(elsewhere, "visit")
    assert hidden(database) == []


def test_readers_see_the_old_rows_until_all_chunks_are_done(database: str, elsewhere: str) -> None:
    asked(database, SOURCE.replace("visit", "loaded"))
    asked(database, "insert into loaded values (0)")
    given = loading(database, elsewhere)
    number = chunked.plan(given)["number"]
    assert chunked.lane(given, number)["done"]
    assert visits(database, "loaded") == [(0, None, None, None)]
    chunked.reconcile(given, number)
    assert visits(database, "loaded") == visits(elsewhere, "visit")
    indexes = asked(database, "select indexname from pg_indexes where tablename = 'loaded'")
    assert indexes == [("loaded_pkey",)]


def test_a_table_that_may_not_be_swapped_is_filled_in_place(database: str, elsewhere: str) -> None:
    asked(database, SOURCE.replace("visit", "loaded"))
    asked(database, "create view seen as select * from loaded")
    assert run_all(loading(database, elsewhere))["rows"] == 1000
    assert visits(database, "seen") == visits(elsewhere, "visit")
    assert hidden(database) == []


def test_a_load_that_broke_goes_on_with_the_chunks_that_are_not_done(database: str, elsewhere: str) -> None:
    asked(database, SOURCE.replace("visit", "loaded"))
    asked(database, "alter table loaded add check (amount <> 555)")
    given = loading(database, elsewhere, by=("id",))
    number = chunked.plan(given)["number"]
    with pytest.raises(DataError, match=r'new row for relation "loaded" violates(.|\n)*In chunk 6'):
        chunked.lane(given, number)
    done = asked(database, "select chunk, finished_at from stepwell.chunk where state = 'done' order by 1")
    assert 0 < len(done) < 10
    asked(elsewhere, "update visit set amount = 556 where id = 555")
    assert run_all(given)["rows"] == 1000
    assert set(done) <= set(asked(database, "select chunk, finished_at from stepwell.chunk"))
    assert visits(database, "loaded") == visits(elsewhere, "visit")


@pytest.mark.parametrize(
    "change",
    [
        "alter amount type numeric(10,2)",
        "alter day set not null",
        "alter day set default now()",
        "add check (id > 0)",
    ],
)
def test_what_was_changed_of_the_table_meanwhile_is_not_lost(database: str, elsewhere: str, change: str) -> None:
    asked(database, SOURCE.replace("visit", "loaded"))
    asked(database, "alter table loaded add check (amount <> -1) not valid")
    given = loading(database, elsewhere, by=("id",))
    number = chunked.plan(given)["number"]
    chunked.lane(given, number)
    asked(database, f"alter table loaded {change}")
    with pytest.raises(
        ConfigurationError, match=r"public\.loaded were changed while it was being loaded.*--from task_02"
    ):
        chunked.reconcile(given, number)
    assert run_all(given._replace(execution="again", clear=True))["rows"] == 1000


def test_a_newer_run_clears_away_what_an_older_one_has_begun(database: str, elsewhere: str) -> None:
    older, newer = loading(database, elsewhere), loading(database, elsewhere, run="next")
    chunked.lane(older, chunked.plan(older)["number"])
    assert run_all(newer)["rows"] == 1000
    assert hidden(database) == []
    with pytest.raises(ConfigurationError, match=r"are gone: another run has loaded the table since.*--from task_02"):
        chunked.plan(older)


def test_rows_of_the_same_database_never_leave_the_server(database: str) -> None:
    asked(database, SOURCE)
    asked(database, ROWS)
    assert (
        run_all(loading(database, None, "select id, amount * 2 as twice from visit where id > :least", ("id",)))["rows"]
        == 500
    )
    assert asked(database, "select count(*), sum(twice) from loaded") == [(500, 750_500)]


def test_a_query_must_give_the_key_as_the_table_has_it(database: str, elsewhere: str) -> None:
    for query, what in (
        ("select day from visit", "does not give the column id"),
        ("select id::text, day from visit", "gives id as text"),
    ):
        with pytest.raises(ConfigurationError, match=what):
            chunked.plan(loading(database, elsewhere, query, ("id",)))
    assert hidden(database) == []


def test_columns_that_differ_are_told_before_a_row_moves(database: str, elsewhere: str) -> None:
    asked(database, "create table loaded (id int primary key, day date)")
    with pytest.raises(ConfigurationError, match=r"public\.loaded does not have: person"):
        chunked.plan(loading(database, elsewhere))
    assert hidden(database) == []
