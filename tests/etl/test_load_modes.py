"""Loads of a part of a table, and what happens to columns that differ."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from stepwell.errors import ConfigurationError, DataError
from stepwell.etl.connection import TaskConnection, lease
from stepwell.etl.load import Loaded, load
from stepwell.etl.options import Options
from stepwell.etl.script import Script

MAKE = """
create table visits (id int primary key, day date not null, note text, updated_at timestamptz not null);
create table source (like visits including all);
insert into source
  select g, date '2026-01-01' + g % 10, 'v' || g, timestamptz '2026-01-01 00:00:00+00' + g * interval '1 min'
  from generate_series(1, 100) g;
"""
QUERY = "select id, day, note, updated_at from source"
NEW = Options("incremental", ("id",), "updated_at", pipeline="p", task="t", run="r", place="pipeline.py:3")
WINDOW = Options("replace", range="day >= :from and day < :to", place="pipeline.py:3")
EMPTY = "select id, day, note, updated_at from source where false"


@pytest.fixture
def admin(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(MAKE)
        yield connection


@pytest.fixture
def connection(database: str, admin: Any) -> Iterator[TaskConnection]:
    with lease(database, "test") as leased:
        yield leased


def loaded(connection: TaskConnection, query: str, options: Options, into: str = "visits", **params: Any) -> Loaded:
    told = load(connection, into, Script.parse(query, "sql/q.sql"), params, None, options)
    connection.end(commit=True)
    return told


def one(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


DIFFERENCE = "select count(*) from ((table visits except table source) union all (table source except table visits)) d"


# Incremental


def test_an_incremental_load_reads_on_from_the_newest_row_that_it_has_read(
    connection: TaskConnection, admin: Any
) -> None:
    first = loaded(connection, QUERY, NEW)
    assert (first.rows, first.read, first.watermark) == (
        100,
        100,
        one(admin, "select max(updated_at)::text from source"),
    )
    admin.execute("insert into source values (101, '2026-01-01', 'new', '2026-02-01')")
    admin.execute("update source set note = 'changed', updated_at = '2026-02-02' where id = 7")
    again = loaded(connection, QUERY, NEW)
    assert (again.rows, again.read) == (2, 3)  # the newest of last time is read again, and not written again
    assert one(admin, DIFFERENCE) == 0
    assert loaded(connection, QUERY, NEW).rows == 0


def test_the_overlap_finds_rows_that_came_late(connection: TaskConnection, admin: Any) -> None:
    loaded(connection, QUERY, NEW)
    admin.execute("insert into source values (200, '2026-01-01', 'late', '2026-01-01 01:10:00+00')")
    assert loaded(connection, QUERY, NEW).rows == 0
    assert loaded(connection, QUERY, NEW._replace(overlap="31 minutes")).rows == 1
    assert one(admin, DIFFERENCE) == 0


def test_the_watermark_is_stored_with_the_rows_or_not_at_all(connection: TaskConnection, admin: Any) -> None:
    load(connection, "visits", Script.parse(QUERY, "q.sql"), {}, None, NEW)
    connection.end(commit=False)
    assert one(admin, "select to_regclass('stepwell.watermark') is null")
    assert loaded(connection, QUERY, NEW).rows == 100
    assert admin.execute("select pipeline, task, type, run from stepwell.watermark").fetchall() == [
        ("p", "t", '"updated_at" timestamp with time zone', "r")
    ]


def test_a_watermark_of_another_column_is_none_of_this_one(connection: TaskConnection, admin: Any) -> None:
    """Rows whose value is less than the other column's would never be read."""
    loaded(connection, QUERY, NEW._replace(watermark="id"))
    with pytest.raises(ConfigurationError, match=r'up to 100 of the watermark "id" integer.*DELETE FROM stepwell'):
        loaded(connection, QUERY, NEW)
    connection.end(commit=False)
    admin.execute("delete from stepwell.watermark where task = 't'")
    assert loaded(connection, QUERY, NEW).read == 100


def test_a_load_that_finds_nothing_keeps_the_watermark(connection: TaskConnection, admin: Any) -> None:
    before = loaded(connection, QUERY, NEW).watermark
    assert loaded(connection, EMPTY, NEW) == Loaded(0, 0, 0, before)
    admin.execute("truncate stepwell.watermark")
    assert loaded(connection, EMPTY, NEW).watermark == ""


@pytest.mark.parametrize(
    ("kind", "old", "new", "overlap"),
    [
        ("int8", "5", "6", "1"),
        ("numeric", "5.25", "5.250000000000000001", "0.5"),
        ("date", "2026-01-01", "2026-01-02", "1 day"),
        ("timestamp", "2026-01-01 00:00:00.000001", "2026-01-01 00:00:00.000002", "1 hour"),
    ],
)
def test_a_watermark_is_a_number_or_a_moment(
    connection: TaskConnection, admin: Any, kind: str, old: str, new: str, overlap: str
) -> None:
    admin.execute(f"create table s (id int, w {kind}); insert into s values (1, '{old}')")
    options = NEW._replace(watermark="w", overlap=overlap)
    assert loaded(connection, "table s", options, "t").watermark == old
    admin.execute(f"insert into s values (2, '{new}')")
    assert loaded(connection, "table s", options, "t") == Loaded(1, 2, 0, new)


def test_of_several_rows_with_one_key_the_newest_counts(connection: TaskConnection, admin: Any) -> None:
    admin.execute("alter table source drop constraint source_pkey")
    admin.execute(
        "insert into source values (1, '2026-01-01', 'newest', '2026-03-01'), (1, '2026-01-01', 'old', '2025-01-01')"
    )
    assert loaded(connection, QUERY, NEW).rows == 100
    assert one(admin, "select note from visits where id = 1") == "newest"


def test_a_row_without_watermark_or_key_is_refused_and_not_forgotten(connection: TaskConnection, admin: Any) -> None:
    loaded(connection, QUERY, NEW)
    admin.execute("alter table source alter updated_at drop not null; insert into source values (300, '2026-01-01')")
    with pytest.raises(DataError, match='null value in column "updated_at"'):
        loaded(connection, QUERY, NEW)


def test_a_watermark_is_not_rounded_to_the_precision_of_the_table(connection: TaskConnection, admin: Any) -> None:
    """It would be ahead of what was read, and rows between would never be."""
    admin.execute("alter table visits alter updated_at type timestamptz(0)")
    admin.execute("update source set updated_at = '2026-02-01 00:00:00.6+00' where id = 1")
    assert loaded(connection, QUERY, NEW).rows == 100
    admin.execute("update source set updated_at = '2026-02-01 00:00:00.7+00' where id = 2")
    assert loaded(connection, QUERY, NEW).rows == 1


def test_a_watermark_without_end_is_refused_since_nothing_would_come_after_it(
    connection: TaskConnection, admin: Any
) -> None:
    admin.execute("update source set updated_at = 'infinity' where id = 7")
    with pytest.raises(DataError, match=r"sql/q\.sql:1: a row has the updated_at infinity, after which no other"):
        loaded(connection, QUERY, NEW)


def test_a_table_of_nothing_but_its_key_is_loaded(connection: TaskConnection, admin: Any) -> None:
    admin.execute("create table ids (id int primary key); insert into ids values (1)")
    options = NEW._replace(watermark="id")
    assert loaded(connection, "select id from source", options, "ids").rows == 99


def test_a_table_that_is_not_there_is_made_with_the_key_and_filled_from_the_beginning(
    connection: TaskConnection, admin: Any
) -> None:
    for _ in range(2):
        assert loaded(connection, QUERY, NEW, "fresh").rows == 100
        assert (
            one(
                admin,
                "select pg_get_constraintdef(oid) from pg_constraint where conrelid = 'fresh'::regclass "
                "and contype = 'p'",
            )
            == "PRIMARY KEY (id)"
        )
        admin.execute("drop table fresh")  # the watermark is still there


def test_columns_that_cannot_be_compared_are_written_all_the_same(connection: TaskConnection, admin: Any) -> None:
    admin.execute("alter table visits add doc json; alter table source add doc json")
    query = QUERY.replace("note", "note, doc")
    loaded(connection, query, NEW)
    admin.execute("update source set doc = '[1]', updated_at = '2026-02-02' where id = 7")
    assert loaded(connection, query, NEW).rows == 2
    assert one(admin, "select doc::text from visits where id = 7") == "[1]"


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (NEW._replace(key=("note",)), r"pipeline\.py:3: .*CREATE UNIQUE INDEX ON \"public\"\.\"visits\" \(\"note\"\);"),
        (NEW._replace(key=("nothing",)), "does not give the column nothing"),
        (NEW._replace(watermark="note"), "must be a number, a date or a timestamp, and note is text"),
        (NEW._replace(overlap="much"), "overlap='much' cannot be taken"),
        (NEW._replace(overlap="3"), None),
    ],
)
def test_what_an_incremental_load_needs_is_said(connection: TaskConnection, options: Options, part: str | None) -> None:
    loaded(connection, QUERY, NEW)
    if part is None:
        loaded(connection, QUERY, options)  # three seconds
        return
    with pytest.raises(ConfigurationError, match=f"(?s){part}"):
        loaded(connection, QUERY, options)


def test_a_source_elsewhere_is_read_from_the_watermark_on(
    connection: TaskConnection, admin: Any, database: str, server_url: str, changed: Any
) -> None:
    name = f"{database.rpartition('/')[2]}_s"
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"create database {name}")
        elsewhere = changed(server_url, database=name)
        try:
            with psycopg.connect(elsewhere, autocommit=True) as source:
                source.execute(MAKE)
                script = Script.parse(QUERY + " -- all of it", "q.sql")
                for rows, read in ((100, 100), (0, 1)):
                    told = load(connection, "visits", script, {}, elsewhere, NEW)
                    connection.end(commit=True)
                    assert (told.rows, told.read) == (rows, read)
        finally:
            server.execute(f"drop database {name} with (force)")
    assert one(admin, DIFFERENCE) == 0


# A window


def test_a_window_is_replaced_and_nothing_else(connection: TaskConnection, admin: Any) -> None:
    loaded(connection, QUERY, Options())
    admin.execute("delete from source where day = '2026-01-03' and id > 50; update source set note = 'x'")
    query = QUERY + " where day >= :from and day < :to"
    for _ in range(2):
        told = loaded(connection, query, WINDOW, **{"from": "2026-01-03", "to": "2026-01-05"})
        assert (told.rows, told.read) == (15, 15)
    assert one(admin, "select count(*) from visits where note = 'x'") == 15
    assert one(admin, "select count(*) from visits") == 95


def test_rows_outside_of_the_window_are_refused(connection: TaskConnection, admin: Any) -> None:
    """They would be there twice after the next run."""
    with pytest.raises(DataError, match=r"90 rows lie outside of the range day >= :from") as caught:
        loaded(connection, QUERY, WINDOW, **{"from": "2026-01-03", "to": "2026-01-04"})
    assert "(1,2026-01-02,v1," in caught.value.message
    connection.end(commit=False)
    assert one(admin, "select count(*) from visits") == 0


@pytest.mark.parametrize("referring", ["kids (id int references visits on delete cascade)", "visits"])
def test_a_window_never_deletes_what_it_does_not_bring_back(
    connection: TaskConnection, admin: Any, referring: str
) -> None:
    loaded(connection, QUERY, Options())
    if referring == "visits":
        admin.execute("alter table visits add before int references visits on delete set null")
    else:
        admin.execute(f"create table {referring}; insert into kids select id from visits")
    query = QUERY + " where day >= :from and day < :to"
    with pytest.raises(ConfigurationError, match=r"visits cannot be replaced: .*\(ON DELETE CASCADE or SET\)"):
        loaded(connection, query, WINDOW, **{"from": "2026-01-03", "to": "2026-01-05"})


def test_a_window_of_a_new_table_is_loaded_into_it(connection: TaskConnection, admin: Any) -> None:
    query = QUERY + " where day >= :from and day < :to"
    assert loaded(connection, query, WINDOW, "fresh", **{"from": "2026-01-03", "to": "2026-01-05"}).rows == 20


def test_readers_of_a_window_see_the_old_rows_until_the_new_ones_are_there(
    connection: TaskConnection, admin: Any
) -> None:
    loaded(connection, QUERY, Options())
    admin.execute("set statement_timeout = '10s'")
    load(connection, "visits", Script.parse(EMPTY, "q.sql"), {"from": "2026-01-01", "to": "2027-01-01"}, None, WINDOW)
    assert one(admin, "select count(*) from visits") == 100
    connection.end(commit=True)
    assert one(admin, "select count(*) from visits") == 0


# Mode "truncate"


def test_a_table_is_replaced_in_place_if_that_is_wanted(
    connection: TaskConnection, admin: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    before = one(admin, "select 'visits'::regclass::oid")
    assert loaded(connection, QUERY, Options("truncate")).rows == 100
    assert one(admin, "select 'visits'::regclass::oid") == before
    assert 'mode="truncate"' in capsys.readouterr().out


# Drift

WIDER = "select id, day, note, updated_at, 1.5::numeric(4, 1) as cost, array['a'] as tags from source"


def test_new_columns_fail_a_load_before_any_row_moves(connection: TaskConnection, admin: Any) -> None:
    """The message has the columns and types of both sides."""
    for options in (Options(), Options("truncate"), NEW, WINDOW):
        with pytest.raises(ConfigurationError) as caught:
            loaded(connection, WIDER + " where 1 / (id - id) = 0", options, **{"from": None, "to": None})
        connection.end(commit=False)
        first, second, *_ = caught.value.message.splitlines()
        assert first.startswith(
            "sql/q.sql:1: the query gives columns that public.visits does not have: cost numeric(4,1)"
        )
        assert "It has: id integer, day date, note text, updated_at timestamp with time zone." in first
        assert second.startswith(
            "the query gives: id integer, day date, note text, updated_at timestamp with time zone, cost"
        )


@pytest.mark.parametrize("options", [Options(), Options("truncate"), NEW, WINDOW], ids=lambda one: one.mode)
def test_new_columns_are_added_or_left_out(connection: TaskConnection, admin: Any, options: Options) -> None:
    values = {"from": "2026-01-01", "to": "2027-01-01"}
    shape = """select string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' order by attnum)
      from pg_attribute where attrelid = 'visits'::regclass and attnum > 0"""
    before = one(admin, shape)
    assert loaded(connection, WIDER, options._replace(drift="ignore"), **values).rows == 100
    assert one(admin, shape) == before
    admin.execute("truncate visits")
    admin.execute("drop schema if exists stepwell cascade")
    assert loaded(connection, WIDER, options._replace(drift="add"), **values).rows == 100
    assert one(admin, shape) == before + ", cost numeric(4,1), tags text[]"
    assert one(admin, "select count(*) from visits where cost = 1.5 and tags = '{a}'") == 100


@pytest.mark.parametrize("drift", ["fail", "add", "ignore"])
def test_types_that_cannot_be_assigned_and_needed_columns_fail_always(connection: TaskConnection, drift: str) -> None:
    for query, part in (
        (
            "select id, day, note::jsonb as note, id::text as updated_at from source",
            "column updated_at is text in the query",
        ),
        (
            "select id, note from source",
            "public.visits needs columns that the query does not give: day date, updated_at",
        ),
        ("select 1 as other", "needs columns"),
    ):
        with pytest.raises(ConfigurationError, match=part):
            loaded(connection, query, Options(drift=drift))
        connection.end(commit=False)


@pytest.mark.parametrize("options", [Options(), NEW, WINDOW._replace(range="true")], ids=lambda one: one.mode)
@pytest.mark.parametrize("rejects", [0, 1])
def test_numbers_of_an_identity_column_are_those_of_the_source(
    connection: TaskConnection, admin: Any, options: Options, rejects: int
) -> None:
    """As with COPY, by which the rows of another database come."""
    admin.execute("alter table visits alter id add generated always as identity")
    twin = " union all select 101, null, 'bad', now()" if rejects else ""
    assert loaded(connection, QUERY + twin, options._replace(rejects=rejects)).rejected == rejects
    assert one(admin, DIFFERENCE) == 0


# What a user may do


@pytest.fixture
def user(connection: TaskConnection, admin: Any) -> Iterator[TaskConnection]:
    """Somebody who may use what is there, and make nothing but what is in the schema stepwell."""
    name = f"user_{admin.info.dbname}"
    admin.execute(f"create role {name}; create schema stepwell authorization {name}; grant all on visits to {name}")
    admin.execute(f"grant select on source to {name}")
    connection.execute(f"set role {name}")
    connection.end(commit=True)
    yield connection
    connection.end(commit=False)
    admin.execute(f"drop owned by {name}; drop role {name}")


def test_a_watermark_needs_no_right_to_make_schemas(user: TaskConnection) -> None:
    assert loaded(user, QUERY, NEW).rows == 100


def test_a_table_of_rejects_that_is_there_needs_no_right_to_make_one(user: TaskConnection, admin: Any) -> None:
    admin.execute(
        "create table visits_rejects (pipeline text, task text, run text, place text, row jsonb, error text);"
        f"grant all on visits_rejects to user_{admin.info.dbname}"
    )
    query = QUERY + " union all select 1, '2026-01-01', 'twin', now()"
    assert loaded(user, query, Options("truncate", rejects=1)).rejected == 1
