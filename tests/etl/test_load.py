import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from stepwell.errors import ConfigurationError, DataError, LockNotAvailable, SqlError
from stepwell.etl.catalog import find_table
from stepwell.etl.connection import TaskConnection, lease
from stepwell.etl.load import load
from stepwell.etl.options import Options
from stepwell.etl.script import Script

TARGET = """
create schema staging;
create table staging.visits (
  id int8 primary key, person text not null default 'nobody', amount numeric(12, 2) check (amount >= 0),
  note varchar(40), loaded int generated always as (1) stored, unique (person, id), exclude (note with =)
) with (fillfactor = 80, autovacuum_enabled = false);
create index visits_upper on staging.visits (upper(person) text_pattern_ops desc) include (amount) where amount > 0;
comment on table staging.visits is 'it''s staging';
comment on column staging.visits.note is 'a note';
insert into staging.visits (id, person, amount) select g, 'old ' || g, g from generate_series(1, 1000) g;
create table source (id int, person text, amount numeric);
insert into source select g, 'new ' || g, g + 0.5 from generate_series(1, 2000) g;
"""
QUERY = "select id, person, amount from source where id <= :most"
# Everything about a table that a reader or a planner could notice.
SHAPE = """
select json_build_array(
  (select json_agg(json_build_array(attname, format_type(atttypid, atttypmod), attnotnull, attgenerated::text,
     pg_get_expr(adbin, adrelid), col_description(c.oid, attnum)) order by attnum)
   from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
   where attrelid = c.oid and attnum > 0),
  (select json_agg(pg_get_indexdef(indexrelid) order by indexrelid::regclass::text)
   from pg_index where indrelid = c.oid),
  (select json_agg(conname || ' ' || pg_get_constraintdef(oid) order by conname)
   from pg_constraint where conrelid = c.oid),
  c.reloptions, obj_description(c.oid, 'pg_class'), c.relpersistence::text, pg_get_userbyid(c.relowner))
from pg_class c where c.oid = 'staging.visits'::regclass
"""


@pytest.fixture
def admin(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(TARGET)
        yield connection


@pytest.fixture
def connection(database: str, admin: Any) -> Iterator[TaskConnection]:
    with lease(database, "test") as leased:
        yield leased


def loaded(
    connection: TaskConnection,
    query: str = QUERY,
    into: str = "staging.visits",
    source: str | None = None,
    most: Any = 2000,
) -> int:
    rows = load(connection, into, Script.parse(query, "sql/q.sql"), {"most": most}, source).rows
    connection.end(commit=True)
    return rows


def one(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def oid(connection: psycopg.Connection[Any], table: str = "staging.visits") -> int:
    return int(one(connection, f"select '{table}'::regclass::oid"))


# Swap


def test_a_load_replaces_all_rows_however_often_it_is_done(connection: TaskConnection, admin: Any) -> None:
    for most, expected in ((2000, 2000), (2000, 2000), (5, 5), (0, 0)):
        assert loaded(connection, most=most) == expected
        assert one(admin, "select count(*) from staging.visits where person like 'new%'") == expected
        assert one(admin, "select count(*) from staging.visits") == expected


def test_a_swapped_table_is_like_the_old_one_in_everything(
    connection: TaskConnection, admin: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    before, old = one(admin, SHAPE), oid(admin)
    loaded(connection)
    assert one(admin, SHAPE) == before
    assert oid(admin) != old
    assert capsys.readouterr().out == ""
    assert one(admin, "select reltuples from pg_class where oid = 'staging.visits'::regclass") == 2000


def test_an_unlogged_table_stays_one(connection: TaskConnection, admin: Any) -> None:
    admin.execute("alter table staging.visits set unlogged")
    before = one(admin, SHAPE)
    loaded(connection)
    assert one(admin, SHAPE) == before


def test_a_table_and_columns_with_difficult_names_are_swapped(connection: TaskConnection, admin: Any) -> None:
    admin.execute('create table "Tägliche ON ""Besuche"" USING x" ("Id %s" int primary key, "sel:ect" text)')
    admin.execute('create index "i USING y" on "Tägliche ON ""Besuche"" USING x" ("sel:ect")')
    into = '"Tägliche ON ""Besuche"" USING x"'
    for _ in range(2):
        assert loaded(connection, 'select 1 as "Id %s", \'a%\' as "sel:ect"', into) == 1
    names = one(
        admin,
        f"select array_agg(indexrelid::regclass::text order by 1) from pg_index where indrelid = '{into}'::regclass",
    )
    assert sorted(names) == sorted(['"Tägliche ON ""Besuche"" USING x_pkey"', '"i USING y"'])


def test_a_schema_whose_name_needs_quotes_and_a_percent_sign_are_no_obstacle(
    connection: TaskConnection, admin: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    into = '"My s"."50%a"'
    admin.execute(f'create schema "My s"; create table {into} (id int primary key)')
    assert loaded(connection, "select 1 as id", into) == 1
    admin.execute(f"create publication p for table {into}")
    assert loaded(connection, "select 2 as id", into) == 1
    assert "publication p publishes it" in capsys.readouterr().out
    twice = Script.parse("select 1 as id union all select 1", "sql/q.sql")
    assert load(connection, into, twice, {}, None, Options(rejects=1)).rejected == 1


def test_readers_see_the_old_rows_or_the_new_ones_and_never_none_or_half(
    database: str, connection: TaskConnection
) -> None:
    seen: set[Any] = set()
    errors: list[Exception] = []
    stop, started = threading.Event(), threading.Barrier(4, timeout=60)

    def poll() -> None:
        try:
            with psycopg.connect(database, autocommit=True) as reader:
                for number in range(1_000_000):
                    last = stop.is_set()
                    seen.add(
                        one(
                            reader,
                            "select concat(count(*), min(person), count(distinct left(person, 3))) from staging.visits",
                        )
                    )
                    if number == 0:
                        started.wait()
                    if last:
                        return
        except Exception as error:
            errors.append(error)
            started.abort()

    readers = [threading.Thread(target=poll) for _ in range(3)]
    for reader in readers:
        reader.start()
    started.wait()
    for _ in range(5):
        loaded(connection)
        loaded(connection, "select id, 'odd ' || id as person, amount from source where id % 2 = 1 and id <= :most")
    stop.set()
    for reader in readers:
        reader.join()
    assert errors == []
    assert seen <= {"1000old 11", "2000new 11", "1000odd 11"}
    assert len(seen) > 1


def test_a_failed_load_leaves_the_old_rows(connection: TaskConnection, admin: Any) -> None:
    with pytest.raises(DataError, match="amount_check"):
        loaded(connection, "select id, person, -amount as amount from source where id <= :most")
    connection.end(commit=False)
    assert one(admin, "select count(*) from staging.visits where person like 'old%'") == 1000
    with pytest.raises(
        DataError, match=r"^could not create unique index \"visits_pkey\"\nDETAIL:  ?Key \(id\)=\(1\) is duplicated"
    ):
        loaded(connection, "select 1 as id, person from source where id <= :most")


def test_a_long_reader_delays_the_swap_but_nobody_else(
    database: str,
    connection: TaskConnection,
    admin: Any,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("stepwell.etl.swap._PATIENCE", "50ms")
    told = threading.Event()
    monkeypatch.setattr("builtins.print", lambda *_, **__: told.set())
    with psycopg.connect(database) as reader:
        reader.execute("select count(*) from staging.visits")
        loading = threading.Thread(target=loaded, args=(connection,))
        loading.start()
        assert told.wait(60)
        admin.execute("set statement_timeout = '30s'")
        assert one(admin, "select count(*) from staging.visits") == 1000
        reader.rollback()
    loading.join()
    assert one(admin, "select count(*) from staging.visits") == 2000


def test_a_table_that_was_replaced_while_a_load_waited_for_it_fails_that_load_which_may_be_tried_again(
    database: str, connection: TaskConnection, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it knows of columns, indexes and views is known of a table that is gone."""

    def found(connection: TaskConnection, into: str) -> Any:
        table = find_table(connection, into)
        admin.execute("alter table staging.visits rename to gone; create table staging.visits (like staging.gone)")
        return table

    monkeypatch.setattr("stepwell.etl.load.find_table", found)
    with pytest.raises(LockNotAvailable, match=r"staging\.visits was replaced or changed by somebody else"):
        loaded(connection)


# In place


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        ("create view v as select id from staging.visits", "view v"),
        ("create materialized view v as select id from staging.visits", "materialized view v"),
        (
            "create table other (id int8 primary key);"
            "alter table staging.visits add foreign key (id) references other not valid",
            "foreign key visits_id_fkey to other",
        ),
        ("grant select on staging.visits to public", "grants"),
        ("grant select (id) on staging.visits to public", "grants"),
        (
            "create function f() returns trigger language plpgsql as 'begin return null; end';"
            "create trigger t after insert on staging.visits execute function f()",
            "trigger t",
        ),
        ("create rule r as on delete to staging.visits do also select 1", "rule r"),
        ("create publication p for table staging.visits", "publication p"),
        ("create publication p for all tables", "publication p"),
        ("alter table staging.visits enable row level security", "row security"),
        ("alter table staging.visits replica identity full", "replica identity"),
        ("create table kid () inherits (staging.visits)", "other tables inherit"),
        ("create table mother (note varchar(40)); alter table staging.visits inherit mother", "inherits from another"),
        ("alter table staging.visits add extra int generated always as identity", "identity"),
        ("alter table staging.visits add extra serial", "sequence"),
        ("create statistics s on id, person from staging.visits", "statistics s"),
        ("alter table staging.visits alter person set statistics 500", "column person has settings"),
        ("alter index staging.visits_pkey set (fillfactor = 50)", "visits_pkey has settings"),
        ("comment on index staging.visits_upper is 'x'", "visits_upper has settings"),
        (
            "create function f() returns bigint language sql begin atomic select count(*) from staging.visits; end",
            "function f() depends on it",
        ),
        ("create table other (v staging.visits)", "uses its row type"),
        ("alter default privileges grant select on tables to public", "default privileges"),
        ("create role {role}; alter table staging.visits owner to {role}", "belongs to the role"),
    ],
)
def test_what_a_swap_would_lose_or_leave_behind_is_kept_and_named(
    connection: TaskConnection, admin: Any, capsys: pytest.CaptureFixture[str], make: str, reason: str
) -> None:
    role = f"owner_{connection.info.backend_pid}"
    admin.execute(make.format(role=role))
    if "add foreign key" in make:
        admin.execute("insert into other select generate_series(1, 2000)")
    old, before = oid(admin), one(admin, SHAPE)
    for _ in range(2):
        assert loaded(connection) == 2000
    assert (oid(admin), one(admin, SHAPE)) == (old, before)
    assert one(admin, "select count(*) from only staging.visits where person like 'new%'") == 2000
    told = capsys.readouterr().out
    assert "load staging.visits: TRUNCATE and INSERT" in told
    assert reason in told
    if "{role}" in make:
        admin.execute(f"drop owned by {role} cascade; drop role {role}")


def test_a_partitioned_table_is_truncated_and_filled(connection: TaskConnection, admin: Any) -> None:
    admin.execute(
        "create table parted (id int, person text) partition by list (id);"
        "create table parted_1 partition of parted default"
    )
    assert loaded(connection, "select id, person from source", "parted") == 2000
    assert loaded(connection, "select id, person from source where id <= 3", "parted_1") == 3
    assert one(admin, "select count(*) from parted") == 3


def test_a_truncating_load_that_fails_leaves_the_old_rows(connection: TaskConnection, admin: Any) -> None:
    admin.execute("create view v as select id from staging.visits")
    with pytest.raises(DataError):
        loaded(connection, "select id, person, -amount as amount from source")
    connection.end(commit=False)
    assert one(admin, "select count(*) from v") == 1000


def test_rows_that_other_tables_refer_to_are_replaced_under_a_deferred_key(
    connection: TaskConnection, admin: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    admin.execute("create table kids (id int8 references staging.visits); insert into kids values (7)")
    with pytest.raises(ConfigurationError, match="kids refers to its rows") as caught:
        loaded(connection)
    connection.end(commit=False)
    [command] = [line for line in caught.value.message.splitlines() if line.endswith(";")]
    admin.execute(command)
    assert loaded(connection) == 2000
    assert "DELETE and INSERT instead of a swap, since: foreign key kids_id_fkey of kids" in capsys.readouterr().out
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        loaded(connection, most=5)
    assert one(admin, "select count(*) from staging.visits") == 2000


def test_a_load_never_deletes_in_another_table(connection: TaskConnection, admin: Any) -> None:
    admin.execute(
        "create table kids (id int8 references staging.visits on delete cascade); insert into kids values (7)"
    )
    with pytest.raises(ConfigurationError, match="ON DELETE CASCADE"):
        loaded(connection)
    connection.end(commit=False)
    assert one(admin, "select count(*) from kids") == 1


# What is loaded where


def test_a_missing_table_is_made_from_the_query(connection: TaskConnection, admin: Any) -> None:
    query = "select id, person as who, amount::numeric(9, 1) as amount from source where id <= :most"
    for _ in range(2):
        assert loaded(connection, query, "staging.fresh", most=3) == 3
    kinds = """
      select string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' order by attnum)
      from pg_attribute where attrelid = 'staging.fresh'::regclass and attnum > 0"""
    assert one(admin, kinds) == "id integer, who text, amount numeric(9,1)"


def test_columns_go_by_name_and_missing_ones_take_their_default(connection: TaskConnection, admin: Any) -> None:
    loaded(connection, "with w as (select 1.25 as amount, 9 as id) select * from w order by 1 -- the end")
    assert admin.execute("select id, person, amount, note from staging.visits").fetchall() == [
        (9, "nobody", one(admin, "select 1.25"), None)
    ]


@pytest.mark.parametrize(
    ("into", "query", "kind", "part"),
    [
        ("nowhere.t", "select 1 as a", ConfigurationError, 'CREATE SCHEMA nowhere;|CREATE SCHEMA "nowhere";'),
        ("a.b.c", "select 1 as a", ConfigurationError, "table or schema.table"),
        ("not a name", "select 1 as a", ConfigurationError, "is not the name of a table"),
        ("v", "select 1 as a", ConfigurationError, "a view"),
        (
            "staging.visits",
            "select 1 as id, 2 as persno",
            ConfigurationError,
            r"sql/q\.sql:1: .*does not have: persno.*person",
        ),
        ("staging.visits", "select 1 as id, 2 as id", ConfigurationError, "more than one column called id"),
        ("staging.visits", "select 1", ConfigurationError, "a column without a name"),
        ("staging.visits", "select 1 as id; select 2 as id", ConfigurationError, "one query, and here are 2"),
        ("staging.visits", "delete from source", ConfigurationError, "a query, not DELETE"),
        ("staging.visits", "\nselect 1 as id,\n nothing", SqlError, r"q\.sql:3: column \"nothing\""),
        ("staging.visits", "\nselect 1 as id,\n 2 as loaded", SqlError, "loaded"),
    ],
)
def test_what_cannot_be_loaded_is_said_before_anything_changes(
    connection: TaskConnection, admin: Any, into: str, query: str, kind: type[Exception], part: str
) -> None:
    admin.execute("create view v as select 1 as a")
    with pytest.raises(kind, match=part):
        loaded(connection, query, into)
    connection.end(commit=False)
    assert one(admin, "select count(*) from staging.visits") == 1000
