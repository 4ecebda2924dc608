import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from stepwell.errors import ProgressUnavailable
from stepwell.progress.sqlite import SqliteProgress
from tests.progress.samples import TASK, chunk, plan

ROOT = Path(__file__).parents[2]
WRITER = """
import sys
from stepwell.progress.sqlite import SqliteProgress
from tests.progress.samples import chunk
store = SqliteProgress(sys.argv[1])
number = 0
while store.record([chunk(number), chunk(number + 1)]):
    number += 2
    print(number, flush=True)
"""


def test_looking_makes_no_file(tmp_path: Path) -> None:
    store = SqliteProgress(str(tmp_path / "new" / "progress.db"))
    assert (store.summaries(), store.chunks(*TASK)) == ([], [])
    assert list(tmp_path.iterdir()) == []


def test_a_writer_that_is_killed_leaves_whole_batches(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path / "progress.db")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        told = [int(writer.stdout.readline()) for _ in range(50)][-1]
        writer.send_signal(signal.SIGKILL)
    store = SqliteProgress(str(tmp_path / "progress.db"))
    numbers = [state.chunk for state in store.chunks(*TASK)]
    assert (len(numbers) % 2, numbers) == (0, list(range(len(numbers))))
    assert len(numbers) >= told
    assert store.record([chunk(5000)])
    store.close()


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "progress.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    store = SqliteProgress(str(path))
    with pytest.raises(ProgressUnavailable, match="newer Stepwell"):
        store.summaries()
    assert not store.plan(plan())


def test_it_may_be_opened_again_after_it_was_closed(tmp_path: Path) -> None:
    store = SqliteProgress(str(tmp_path / "progress.db"))
    store.plan(plan())
    store.close()
    assert store.summary(*TASK) == plan()
    store.close()
