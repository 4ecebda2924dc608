"""Each chunk once, whatever happens to whom: lanes in threads and processes, on a real database, with real kills."""

import random
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import psycopg
import pytest

from stepwell.errors import (
    DataError,
    DeadlineExceeded,
    NotReconciled,
    SqlError,
    Superseded,
    TransactionMisuse,
)
from stepwell.etl import chunked
from stepwell.etl.connection import TaskConnection
from stepwell.etl.ledger import Lot
from tests.etl.chunking import add_one, counts, job, lane_process, ledger, make_items
from tests.etl.conftest import Network
from tests.until import until


def fails_for(condition: str, statement: str = "select 1 / 0") -> Callable[[TaskConnection, Lot], int]:
    """Adds one, then fails if a row was touched for which the condition holds."""

    def work(connection: TaskConnection, lot: Lot) -> int:
        rows = add_one(connection, lot)
        query = f"select exists (select from item where {condition} and xmin = pg_current_xact_id()::xid)"
        touched = connection.execute(query).fetchone()
        if touched and touched[0]:
            connection.execute(statement)
        return rows

    return work


class Meeting:
    """Adds one; the first two lanes that come here wait for each other, so that neither does everything alone."""

    def __init__(self, together: threading.Barrier) -> None:
        self._together, self._met = together, False

    def __call__(self, connection: TaskConnection, lot: Lot) -> int:
        if not self._met and not self._together.broken:
            self._met = True
            with suppress(threading.BrokenBarrierError):
                self._together.wait()
                self._together.abort()
        return add_one(connection, lot, "select pg_sleep(0.002)")


def test_a_lane_does_every_chunk_once_in_lots_of_neighbours(database: str) -> None:
    make_items(database)
    planned = chunked.plan(job(database))
    told = chunked.lane(job(database), planned["number"])
    assert told["done"]
    assert (told["rows"], told["chunks"]) == (1000, planned["chunks"])
    assert told["lots"] < planned["chunks"]
    assert counts(database) == {1: 1000}
    assert chunked.lane(job(database), planned["number"])["rows"] == 0


def test_lanes_and_their_duplicates_share_the_chunks(database: str) -> None:
    make_items(database, 3000)
    number = chunked.plan(job(database, size=20, lanes=3))["number"]
    answers, together = [], threading.Barrier(2, timeout=60)

    def run(lane: int) -> None:
        answers.append(chunked.lane(job(database, Meeting(together), size=20), number, lane))

    threads = [threading.Thread(target=run, args=(lane,)) for lane in (0, 0, 1, 1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts(database) == {1: 3000}
    assert sum(told["rows"] for told in answers) == 3000
    assert len([told for told in answers if told["chunks"]]) > 1


@pytest.mark.parametrize("seed", range(3))
def test_each_row_once_though_processes_are_killed_at_random(database: str, seed: int) -> None:
    """Lanes with duplicates, each process shot after a random time, until all chunks are done."""
    chance = random.Random(seed)
    make_items(database, 2000)
    number = chunked.plan(job(database, size=10))["number"]
    shot = 0
    for _ in range(4):
        lanes = [lane_process(database, lane, before="select pg_sleep(0.01)") for lane in (0, 0, 1, 2)]
        for process in lanes:
            assert process.stdout
            process.stdout.readline()
            time.sleep(chance.uniform(0, 0.1))
            process.send_signal(signal.SIGKILL)
            process.communicate()
            shot += 1
        assert set(counts(database)) <= {0, 1}
    assert shot == 16
    assert chunked.lane(job(database), number)["done"]
    assert counts(database) == {1: 2000}
    assert chunked.reconcile(job(database), number)["rows"] == 2000


@pytest.mark.parametrize("when", ["before COMMIT", "after COMMIT"])
def test_a_lost_answer_to_commit_changes_nothing(
    database: str, network: Network, changed: Callable[..., str], when: str
) -> None:
    make_items(database)
    number = chunked.plan(job(database))["number"]
    through = changed(database, host="127.0.0.1", port=network.port)
    chance = random.Random(7)

    def work(connection: TaskConnection, lot: Lot) -> int:
        if chance.random() < 0.3:
            network.cut(when)
        return add_one(connection, lot)

    assert chunked.lane(job(through, work), number)["done"]
    assert counts(database) == {1: 1000}
    assert chunked.reconcile(job(database), number)["rows"] == 1000


def test_the_chunk_of_a_killed_process_is_done_by_another_while_its_statement_would_still_run(database: str) -> None:
    make_items(database, 100)
    number = chunked.plan(job(database, size=1000))["number"]
    process = lane_process(database, before="select pg_sleep(100)")
    with psycopg.connect(database, autocommit=True) as admin:
        query = (
            "select count(*) from pg_stat_activity where datname = current_database() "
            "and query like 'select pg_sleep%' and wait_event = 'PgSleep'"
        )
        until(lambda: admin.execute(query).fetchone() == (1,), "its statement runs")
    process.kill()
    process.communicate()
    assert chunked.lane(job(database, seconds=3), number)["done"]
    assert counts(database) == {1: 100}


def test_a_deadlock_of_two_lanes_is_borne(database: str) -> None:
    make_items(database, 200)
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("create table total (n int primary key, v int default 0)")
        admin.execute("insert into total values (1), (2)")
        admin.execute(f"alter database {admin.info.dbname} set deadlock_timeout = '20ms'")
    number = chunked.plan(job(database, size=20, lanes=2))["number"]

    def run(first: int, second: int, lane: int) -> None:
        def work(connection: TaskConnection, lot: Lot) -> int:
            for row in (first, second):
                connection.execute("update total set v = v + %s where n = %s", [len(lot.chunks), row])
                time.sleep(0.02)
            return add_one(connection, lot)

        chunked.lane(job(database, work, size=20, lanes=2), number, lane)

    threads = [threading.Thread(target=run, args=(1, 2, 0)), threading.Thread(target=run, args=(2, 1, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts(database) == {1: 200}
    with psycopg.connect(database) as admin:
        (planned,) = admin.execute("select count(*) from stepwell.chunk").fetchone()
        assert admin.execute("select v from total").fetchall() == [(planned,), (planned,)]


def test_bad_data_fails_its_own_chunk_alone_and_then_the_lane(database: str) -> None:
    make_items(database)
    number = chunked.plan(job(database))["number"]
    with pytest.raises(DataError, match="division by zero") as failed:
        chunked.lane(job(database, fails_for("id = 777")), number)
    assert "In chunk" in failed.value.message
    ((chunk, error),) = ledger(database, "chunk, error", "state = 'failed'")
    assert f"chunk {chunk} (7, " in failed.value.message
    assert error.startswith("DataError: ")
    done = ledger(database, "rows_done", "state = 'done'")
    assert counts(database)[1] == sum(rows for (rows,) in done)


def test_failures_that_are_tolerated_leave_the_rest_to_be_done(database: str) -> None:
    make_items(database)
    number = chunked.plan(job(database))["number"]
    assert chunked.lane(job(database, fails_for("id in (111, 777)"), tolerate=2), number)["done"]
    failed = ledger(database, "rows", "state = 'failed'")
    assert len(failed) == 2
    assert counts(database)[0] == sum(rows for (rows,) in failed)
    receipt = chunked.reconcile(job(database, tolerate=2), number)
    assert (receipt["failed"], receipt["rows"]) == (2, counts(database)[1])


def test_one_failure_too_many_is_not_reconciled(database: str) -> None:
    make_items(database)
    number = chunked.plan(job(database))["number"]
    chunked.lane(job(database, fails_for("id in (111, 777)"), tolerate=2), number)
    with pytest.raises(DataError, match=r"2 have failed \(tolerated: 1\), 0 were not run"):
        chunked.reconcile(job(database, tolerate=1), number)


def test_an_error_that_any_chunk_would_have_ends_the_lane_at_once(database: str) -> None:
    make_items(database)
    number = chunked.plan(job(database))["number"]
    with pytest.raises(SqlError, match="nowhere"):
        chunked.lane(job(database, fails_for("true", "select from nowhere"), tolerate=99), number)
    assert ledger(database, where="state <> 'planned'") == []


def test_a_users_own_error_passes_through_and_is_tried_again_if_it_is_named(database: str) -> None:
    class Unlucky(Exception):
        pass

    tries: list[int] = []

    def work(connection: TaskConnection, lot: Lot) -> int:
        tries.append(lot.attempts)
        raise Unlucky("as I said")

    make_items(database, 10)
    number = chunked.plan(job(database))["number"]
    with pytest.raises(Unlucky, match="as I said"):
        chunked.lane(job(database, work), number)
    assert tries == [0]
    number = chunked.plan(job(database))["number"]
    with pytest.raises(Unlucky):
        chunked.lane(job(database, work, again=frozenset({"Unlucky"})), number)
    assert tries == [0, 0, 1, 2]


def test_a_task_may_not_commit_its_chunk(database: str) -> None:
    make_items(database, 100)
    number = chunked.plan(job(database))["number"]
    with pytest.raises(TransactionMisuse):
        chunked.lane(job(database, fails_for("true", "commit")), number)


def test_a_zombie_lane_is_superseded_and_its_lot_rolled_back(database: str) -> None:
    """Its process still runs though a newer attempt of the task has begun."""
    make_items(database, 100)
    number = chunked.plan(job(database, size=1000))["number"]

    def overtaken(connection: TaskConnection, lot: Lot) -> int:
        rows = add_one(connection, lot)
        chunked.plan(job(database, run="other", execution="other"))
        return rows

    with pytest.raises(Superseded, match=r"attempt 1 .* overtaken by attempt 2"):
        chunked.lane(job(database, overtaken), number)
    assert counts(database) == {0: 100}
    with pytest.raises(Superseded):
        chunked.reconcile(job(database), number)


def test_a_lane_of_an_older_plan_of_the_same_run_is_superseded(database: str) -> None:
    make_items(database)
    old = chunked.plan(job(database))["number"]
    new = chunked.plan(job(database))["number"]
    with pytest.raises(Superseded):
        chunked.lane(job(database), old)
    assert chunked.lane(job(database), new)["done"]
    assert counts(database) == {1: 1000}


def test_many_short_invocations_do_each_chunk_once_and_none_outlives_its_time(database: str) -> None:
    """Some ranges take a minute if they are not alone: that is ended, rolled back and done by itself in the next."""
    make_items(database, 600)
    number = chunked.plan(job(database, size=20))["number"]

    def work(connection: TaskConnection, lot: Lot) -> int:
        slow = len(lot.chunks) > 1 and any(chunk.number % 10 == 3 for chunk in lot.chunks)
        return add_one(connection, lot, f"select pg_sleep({60 if slow else 0.03 * len(lot.chunks)})")

    invocations, done = 0, False
    while not done:
        begun = time.monotonic()
        done = chunked.lane(job(database, work, seconds=0.6), number)["done"]
        assert time.monotonic() - begun < 30
        invocations += 1
    assert invocations > 1
    assert counts(database) == {1: 600}


def test_a_chunk_that_no_invocation_is_long_enough_for_fails_after_its_attempts(database: str) -> None:
    make_items(database, 20)
    number = chunked.plan(job(database, size=1000))["number"]

    def work(connection: TaskConnection, lot: Lot) -> int:
        return add_one(connection, lot, "select pg_sleep(30)")

    assert not chunked.lane(job(database, work, seconds=1, attempts=2), number)["done"]
    with pytest.raises(DeadlineExceeded, match="In chunk 1"):
        chunked.lane(job(database, work, seconds=1, attempts=2), number)
    assert ledger(database, "state, attempts", "rows > 0") == [("failed", 2)]


def test_a_lot_that_takes_too_long_goes_back_as_single_chunks(database: str) -> None:
    make_items(database, 200)
    number = chunked.plan(job(database, size=10, lanes=1))["number"]
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("update stepwell.plan set lot = 40")
    sizes: list[int] = []

    def work(connection: TaskConnection, lot: Lot) -> int:
        sizes.append(len(lot.chunks))
        wait = 30 if len(lot.chunks) > 2 else 0.001
        return add_one(connection, lot, f"select pg_sleep({wait})")

    while not chunked.lane(job(database, work, seconds=0.5), number)["done"]:
        pass
    assert max(sizes) > 2
    assert sizes[sizes.index(max(sizes)) + 1] == 1
    assert counts(database) == {1: 200}


def test_the_deadline_of_the_whole_task_ends_its_lanes(database: str) -> None:
    make_items(database)
    number = chunked.plan(job(database, deadline=3600))["number"]
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("update stepwell.plan set deadline = clock_timestamp()")
    with pytest.raises(DeadlineExceeded, match=r"deadline of the task's chunks has passed with 2. of 2. not done"):
        chunked.lane(job(database), number)
    with pytest.raises(NotReconciled, match=r"0 of 2. chunks are done"):
        chunked.reconcile(job(database), number)


def test_a_lane_waits_for_what_others_run_and_takes_it_over_if_they_give_up(database: str) -> None:
    make_items(database, 100)
    number = chunked.plan(job(database, size=1000))["number"]
    with psycopg.connect(database) as other:
        other.execute("select from stepwell.chunk for update")
        assert not chunked.lane(job(database, seconds=0.4), number)["done"]
        threading.Timer(0.2, other.rollback).start()
        assert chunked.lane(job(database, seconds=20), number)["done"]
    assert counts(database) == {1: 100}


def test_a_lane_begins_at_its_own_place_and_goes_round(database: str) -> None:
    make_items(database, 900)
    number = chunked.plan(job(database, size=30, lanes=3))["number"]
    order: list[int] = []

    def work(connection: TaskConnection, lot: Lot) -> int:
        order.extend(lot.numbers)
        return add_one(connection, lot)

    chunked.lane(job(database, work, size=30), number, 1)
    total = len(order)
    assert order[0] == 1 + total // 3
    assert sorted(order) == list(range(1, total + 1))
    assert order.index(total) < order.index(1)
