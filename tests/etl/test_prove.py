"""The judge: chunk-safe tasks pass, the others are shown with the rows that differ, and nothing is left behind."""

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from stepwell.etl.connection import connect
from stepwell.etl.plan import find_table, make_plan
from stepwell.etl.proof.prove import prove
from stepwell.etl.ranges import predicate

SCHEMA = """
create table visits (id int primary key, day date not null, person text, minutes int not null);
create index on visits (day, person);
insert into visits
select n, date '2026-01-01' + n / 100, nullif('p' || n % 7, 'p3'), n % 50 from generate_series(0, 999) n;
create table totals (person text, minutes bigint);
create table copies (number serial, id int, day date, written timestamptz default clock_timestamp());
create table best (id int, minutes int);
create table audit (note text);
"""


@pytest.fixture
def ward(database):
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(SCHEMA)
    return database


def judged(url, statement, setup=None):
    """`statement` has {where}, the range's condition on v."""
    if setup:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(setup)
    with connect(url, "test") as connection:
        table = find_table(connection, "visits", ("day", "person"))
        ranges = [chunk.range for chunk in make_plan(connection, table, 90).chunks]

    def whole(connection):
        psycopg.RawCursor(connection).execute(statement.format(where="true"))

    def chunk(connection, range_):
        condition, values = predicate(range_, table.key, '"v"', 1)
        psycopg.RawCursor(connection).execute(statement.format(where=condition), values)

    return prove(url, whole, chunk, ranges)


def name(url):
    return conninfo_to_dict(url)["dbname"]


def count(url, table):
    with psycopg.connect(url) as connection:
        return connection.execute(f"select count(*) from {table}").fetchone()[0]


def test_an_update_of_each_row_is_chunk_safe_but_not_idempotent(ward):
    proof = judged(ward, "update visits v set minutes = minutes + 1 where {where}")
    assert (proof.tables, proof.chunk_safe, proof.idempotent) == (["visits"], True, False)
    assert proof.chunks > 10


def test_an_assignment_is_both(ward):
    proof = judged(ward, "update visits v set minutes = 7 where {where}")
    assert (proof.chunk_safe, proof.idempotent) == (True, True)


def test_a_limit_of_the_server_for_silence_does_not_end_the_snapshot(ward):
    limit = "alter database {} set idle_in_transaction_session_timeout = '100ms'"
    proof = judged(ward, "update visits v set minutes = 7 from pg_sleep(0.02) where {where}", limit.format(name(ward)))
    assert (proof.chunk_safe, proof.idempotent) == (True, True)


def test_an_insert_of_rows_is_chunk_safe_and_doubles_when_it_runs_twice(ward):
    proof = judged(ward, "insert into best select id, minutes from visits v where {where}")
    assert (proof.chunk_safe, proof.idempotent) == (True, False)
    assert (proof.twice[0].missing, proof.twice[0].surplus) == (0, 1000)


def test_a_total_over_all_rows_is_shown_with_its_rows(ward):
    proof = judged(ward, "insert into totals select person, sum(minutes) from visits v where {where} group by person")
    assert not proof.chunk_safe
    [difference] = proof.in_chunks
    assert difference.table == "totals"
    assert difference.missing == 6  # the seventh person is NULL, and all of its rows are in one chunk
    assert all(row.startswith("(") for row in difference.expected)


def test_a_limit_is_caught(ward):
    proof = judged(
        ward, "insert into best select id, minutes from visits v where {where} order by minutes desc limit 3"
    )
    assert not proof.chunk_safe


def test_pairs_across_the_key_are_caught(ward):
    statement = (
        "insert into best select v.id, w.id from visits v join visits w "
        "on w.person = v.person and w.id > v.id and w.day <> v.day and {where} "
        "and exists (select from visits u where u.id = w.id + 1 and u.minutes < 10)"
    )
    assert judged(ward, statement).chunk_safe  # only v is cut: each pair belongs to one chunk
    both = statement.replace("{where}", "{where} and w.day between (select min(day) from visits v where {where}) "
                             "and (select max(day) from visits v where {where})")  # fmt: skip
    assert not judged(ward, both).chunk_safe


def test_columns_that_differ_by_themselves_are_left_out_and_named(ward):
    proof = judged(ward, "insert into copies (id, day) select id, day from visits v where {where}")
    assert proof.chunk_safe
    assert proof.skipped == ["copies.number", "copies.written"]


def test_what_a_trigger_writes_is_compared_too(ward):
    setup = """
    create function note() returns trigger language plpgsql as
      $$ begin insert into audit values ('statement'); return null; end $$;
    create trigger note after update on visits execute function note();
    """
    proof = judged(ward, "update visits v set minutes = 7 where {where}", setup)
    assert not proof.chunk_safe
    assert [difference.table for difference in proof.in_chunks] == ["audit"]


def test_nothing_is_left_behind(ward):
    judged(ward, "insert into best select id, minutes from visits v where {where}")
    assert count(ward, "best") == 0


def test_others_may_write_meanwhile_without_disturbing_the_comparison(ward):
    """All trials see the snapshot of the beginning."""
    with psycopg.connect(ward, autocommit=True) as connection, connect(ward, "test") as planner:
        table = find_table(planner, "visits", ("day", "person"))
        ranges = [chunk.range for chunk in make_plan(planner, table, 90).chunks]
        written = []

        def whole(own):
            connection.execute("insert into visits values (%s, '2026-01-01', 'late', 1)", [5000 + len(written)])
            written.append(1)
            own.execute("insert into best select id, minutes from visits")

        def chunk(own, range_):
            condition, values = predicate(range_, table.key, '"v"', 1)
            psycopg.RawCursor(own).execute(
                f"insert into best select id, minutes from visits v where {condition}", values
            )

        assert prove(ward, whole, chunk, ranges).chunk_safe
        assert written


def test_temporary_tables_of_one_run_are_not_in_the_way_of_the_next(ward):
    with psycopg.connect(ward, autocommit=True) as connection:
        connection.execute("create table seen (id int)")

    def work(connection, where="true"):
        connection.execute(f"create temp table pile on commit drop as select id from visits where {where}")
        connection.execute("insert into seen select id from pile")

    proof = prove(ward, work, lambda connection, n: work(connection, f"id % 5 = {n}"), range(5))
    assert (proof.chunk_safe, proof.tables) == (True, ["seen"])
