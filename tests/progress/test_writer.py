import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepwell.errors import DeadlineExceeded
from stepwell.progress import open_progress
from stepwell.progress.mirrored import mirrored
from stepwell.progress.sqlite import SqliteProgress
from stepwell.progress.writer import Writer
from tests.progress.samples import TASK, chunk, plan
from tests.until import until

ROOT = Path(__file__).parents[2]
LANE = """
import sys, time
from stepwell.progress.sqlite import SqliteProgress
from stepwell.progress.writer import Writer
from tests.progress.samples import chunk
writer = Writer(SqliteProgress(sys.argv[1]))
for number in range(30):
    writer.put([chunk(number)])
print("put", flush=True)
time.sleep(60)
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteProgress]:
    opened = SqliteProgress(str(tmp_path / "progress.db"))
    opened.plan(plan())
    yield opened
    opened.close()


@pytest.fixture
def lock(store: SqliteProgress) -> Iterator[sqlite3.Connection]:
    """Another process's transaction, as long as it is open: whoever writes waits for it."""
    connection = sqlite3.connect(store.path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield connection
    connection.close()


def test_what_is_put_is_written(store: SqliteProgress) -> None:
    with Writer(store) as writer:
        for number in range(1000):
            writer.put([chunk(number)])
    assert writer.complete
    assert [state.chunk for state in store.chunks(*TASK)] == list(range(1000))


def test_putting_does_not_wait_for_a_store_that_is_held(store: SqliteProgress, lock: sqlite3.Connection) -> None:
    writer = Writer(store, linger=0)
    for number in range(1000):
        writer.put([chunk(number)])  # would take 5 s each if it waited
    lock.execute("COMMIT")
    assert writer.close(30)
    assert len(store.chunks(*TASK)) == 1000


def test_what_finds_no_room_is_dropped_and_said_to_be_missing(store: SqliteProgress, lock: sqlite3.Connection) -> None:
    writer = Writer(store, capacity=10, linger=0)
    for number in range(100):
        writer.put([chunk(number)])
    assert not writer.complete
    lock.execute("COMMIT")
    assert not writer.close(30)
    assert [state.chunk for state in store.chunks(*TASK)] == list(range(10))
    store.rebuild(plan(100), [chunk(number) for number in range(100)])
    assert len(store.chunks(*TASK)) == 100


def test_there_is_room_again_once_a_batch_is_written(store: SqliteProgress) -> None:
    writer = Writer(store, capacity=10, linger=0)
    for first in range(0, 30, 10):
        until(lambda: writer._taken >= first, "the batch is written", pause=0)  # noqa: B023
        writer.put([chunk(number) for number in range(first, first + 10)])
    assert writer.close()
    assert len(store.chunks(*TASK)) == 30


def test_closing_does_not_wait_longer_than_it_may(store: SqliteProgress, lock: sqlite3.Connection) -> None:
    writer = Writer(store, linger=0)
    writer.put([chunk(0)])
    assert not writer.close(0.01)
    lock.execute("COMMIT")
    assert writer.close(30)


def test_a_batch_that_could_not_be_written_is_said_to_be_missing(capfd: pytest.CaptureFixture[str]) -> None:
    writer = Writer(open_progress("sqlite:////dev/null/writer/progress.db"))
    writer.put([chunk(0)])
    assert not writer.close()
    assert "/dev/null/writer" in capfd.readouterr().err


def test_after_closing_nothing_is_taken_any_more(store: SqliteProgress) -> None:
    writer = Writer(store)
    assert writer.close()
    writer.put([chunk(0)])
    assert not writer.close()
    assert store.chunks(*TASK) == []


def test_what_a_killed_process_had_not_written_comes_with_the_rebuild(store: SqliteProgress) -> None:
    command = [sys.executable, "-c", LANE, str(store.path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as lane:
        assert lane.stdout
        lane.stdout.readline()
        lane.send_signal(signal.SIGKILL)
    ledger = [chunk(number) for number in range(30)]
    assert {state.chunk for state in store.chunks(*TASK)} <= set(range(30))
    assert store.rebuild(plan(30), ledger)
    assert store.chunks(*TASK) == ledger


def test_a_reason_is_told_once(capfd: pytest.CaptureFixture[str]) -> None:
    broken = open_progress("sqlite:////dev/null/once/progress.db")
    assert [broken.record([chunk(0)]) for _ in range(5)] == [False] * 5
    assert capfd.readouterr().err.count("once") == 1


def test_the_deadline_of_the_task_is_not_taken_for_a_failure_to_write() -> None:
    class Store:
        @mirrored
        def record(self) -> None:
            raise DeadlineExceeded

    with pytest.raises(DeadlineExceeded):
        Store().record()
