"""The ledger keeps what was planned and what has come of it, to the last row."""

import psycopg
import pytest

from stepwell.errors import ConfigurationError
from stepwell.etl import chunked
from stepwell.etl.connection import TaskConnection, connect
from stepwell.etl.ledger import Ledger, Lot, described
from stepwell.etl.plan import Chunk
from stepwell.etl.ranges import Range
from tests.etl.chunking import job, ledger, make_items, run_all


def taken(kept: Ledger, connection: TaskConnection, *asked: int) -> Lot:
    found = kept.take(connection, *asked)
    assert found is not None
    return found[0]


def test_a_plan_comes_back_as_it_was_written(database: str) -> None:
    make_items(database, 300, "nullif(i / 100, 1), nullif(i % 3, 2)")
    told = chunked.plan(job(database, size=60))
    kept = job(database).ledger
    with connect(database, "test") as connection:
        stored = kept.find(connection)
        assert stored is not None
        assert (stored.chunks, stored.rows, stored.number) == (told["chunks"], 300, told["number"])
        assert stored.key["columns"] == ["a", "b"]
        lot = taken(kept, connection, 1, True, 1000, 10_000, 1)
        assert lot.numbers == [1, 2, 3, 4]  # those with NULL are not joined
        nulls = ledger(database, "null_column, rows", "null_column is not null")
        assert nulls == [(0, 100), (1, 67)]


def test_a_lot_is_of_neighbours_and_an_equal_share_at_most(database: str) -> None:
    make_items(database, 1000)
    chunked.plan(job(database, size=10, lanes=1))
    kept = job(database).ledger
    with connect(database, "test") as first, connect(database, "test") as second:
        mine = taken(kept, first, 40, True, 5, 1000, 2)
        assert mine.numbers == [40, 41, 42, 43, 44]
        theirs = taken(kept, second, 38, True, 50, 1000, 2)
        assert theirs.numbers == [38, 39]  # the next one is taken
        total = kept.totals(first).chunks
        rest = taken(kept, second, 45, True, 1000, 100_000, 2)
        assert len(rest.numbers) <= total / 2


def test_what_a_lot_has_done_is_shared_out_to_the_last_row(database: str) -> None:
    make_items(database, 1000)
    number = chunked.plan(job(database, size=10, lanes=1))["number"]
    kept = job(database).ledger
    with connect(database, "test") as connection:
        lot, state = kept.take(connection, 1, True, 7, 1000, 1) or (None, None)
        assert lot is not None
        assert state is not None
        outcomes = kept.done(connection, number, 4, lot, 1003, 0.999, state.transaction)
        assert sum(outcome.rows for outcome in outcomes) == 1003
        assert sum(outcome.ms for outcome in outcomes) == 999
        assert {(outcome.lane, outcome.attempts, outcome.state) for outcome in outcomes} == {(4, 1, "done")}
        assert kept.totals(connection).lots == 1


def test_a_chunk_is_told_by_its_number_its_keys_and_its_rows() -> None:
    assert described(Chunk(7, Range(("2026-03-01", "P1"), None), 9998)) == "chunk 7 (2026-03-01, P1 … open; 9,998 rows)"
    assert described(Chunk(8, Range(None, None, 1), 3)) == "chunk 8 (column 2 of the key is NULL; 3 rows)"
    assert Lot((Chunk(1, Range(None, ("5",)), 3), Chunk(2, Range(("5",), None), 4)), False, 0).rows == 7


def test_an_older_database_gets_the_new_tables(database: str) -> None:
    make_items(database)
    with psycopg.connect(database, autocommit=True) as admin:
        run_all(job(database))
        admin.execute("drop table stepwell.plan, stepwell.chunk")
    assert run_all(job(database, run="next"))["rows"] == 1000
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("alter table stepwell.plan drop column lot")
    assert run_all(job(database, run="last"))["rows"] == 1000


def test_without_the_right_to_make_tables_the_command_is_told(database: str, changed: type) -> None:
    make_items(database)
    with psycopg.connect(database, autocommit=True) as admin:
        run_all(job(database))
        admin.execute("drop table stepwell.plan, stepwell.chunk")
        role = f"worker_{admin.info.dbname}"
        admin.execute(f"create role {role} login password 'pw'")
        admin.execute(f"grant usage on schema stepwell, public to {role}")
        admin.execute(f"grant all on all tables in schema stepwell, public to {role}")
    try:
        with pytest.raises(ConfigurationError, match=f"GRANT USAGE, CREATE ON SCHEMA stepwell TO {role}"):
            chunked.plan(job(changed(database, user=role, password="pw"), run="next"))
    finally:
        with psycopg.connect(database, autocommit=True) as admin:
            admin.execute(f"drop owned by {role}; drop role {role}")


def test_chunks_of_runs_that_ended_long_ago_are_dropped(database: str) -> None:
    make_items(database)
    run_all(job(database, run="old"))
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("update stepwell.plan set reconciled_at = reconciled_at - interval '91 days'")
    run_all(job(database, run="new"))
    assert {run for (run,) in ledger(database, "run")} == {"new"}
