"""A damaged journal is named, whatever has happened to it; nothing is told that was not written."""

import json
import os
import random
import shutil
import subprocess
import sys

import pytest

from stepwell.cli.local import Engine
from stepwell.errors import JournalError
from stepwell.journal.journal import Journal
from stepwell.journal.owners import forget_notes

ROLE = "arn:aws:iam::123456789012:role/r"
LONG = {f"S{n}": {"Type": "Pass", "Next": f"S{n + 1}"} for n in range(300)} | {"S300": {"Type": "Pass", "End": True}}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A journal of one execution, closed; and its history."""
    folder = tmp_path_factory.mktemp("written")
    with Engine(folder) as engine:
        definition = json.dumps({"StartAt": "S0", "States": LONG})
        arn = engine.client.create_state_machine(name="m", definition=definition, roleArn=ROLE)["stateMachineArn"]
        engine.client.start_execution(stateMachineArn=arn, input='{"some": "input that is told again and again"}')
        engine.worker.run(lambda: not engine.worker.owns(1))
        history = engine.journal.history(1, 0, 10_000)
    return folder, history


def read(folder):
    """All that the journal tells of the execution. JournalError where it is damaged."""
    journal = Journal(folder)
    try:
        journal.execution_by_id(1)
        journal.events(1)
        return journal.history(1, 0, 10_000)
    finally:
        journal.close()


def damaged(written, folder, change):
    shutil.copy(written[0] / "journal.db", folder / "journal.db")
    with open(folder / "journal.db", "r+b") as file:
        change(file)
    with pytest.raises(JournalError, match=r"journal\.db") as error:
        read(folder)
    return error.value.message


def overwritten(at, data):
    def change(file):
        file.seek(at)
        file.write(data)

    return change


def test_a_header_that_is_none(written, tmp_path):
    assert "is damaged: file is not a database. Remedy" in damaged(written, tmp_path, overwritten(0, b"x" * 100))


def told(folder):
    """What it tells, or why it does not."""
    try:
        return read(folder)
    except JournalError as error:
        return error.message


def test_a_page_of_zeros(written, tmp_path):
    size = (written[0] / "journal.db").stat().st_size
    for page in range(2 * 4096, size - 4096, 4096 * 3):
        shutil.copy(written[0] / "journal.db", tmp_path / "journal.db")
        with open(tmp_path / "journal.db", "r+b") as file:
            overwritten(page, bytes(4096))(file)
        found = told(tmp_path)
        assert found == written[1] or "is damaged" in found


def test_a_file_that_was_cut(written, tmp_path):
    size = (written[0] / "journal.db").stat().st_size
    assert "is damaged" in damaged(written, tmp_path, lambda file: file.truncate(size // 2 // 4096 * 4096))


def test_a_letter_that_has_become_another(written, tmp_path):
    place = (written[0] / "journal.db").read_bytes().rindex(b"told again")
    assert "is not what was written" in damaged(written, tmp_path, overwritten(place, b"sold"))


@pytest.mark.parametrize("seed", range(40))
def test_any_bytes_anywhere_are_noticed_or_change_nothing(written, tmp_path, seed):
    chance = random.Random(seed)
    shutil.copy(written[0] / "journal.db", tmp_path / "journal.db")
    with open(tmp_path / "journal.db", "r+b") as file:
        size = (tmp_path / "journal.db").stat().st_size
        for _ in range(chance.choice([1, 1, 20])):
            overwritten(chance.randrange(size), chance.randbytes(chance.choice([1, 4, 200])))(file)
    found = told(tmp_path)
    assert found == written[1] or f"the journal {tmp_path}" in found or "newer Stepwell" in found


DIES = """
import json, os, signal, sys
from pathlib import Path
from stepwell.cli.local import Engine
engine = Engine(Path(sys.argv[1]))
wait = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
made = engine.client.create_state_machine(name="w", definition=json.dumps(wait), roleArn="arn:aws:iam::1:role/r")
for _ in range(3):
    engine.client.start_execution(stateMachineArn=made["stateMachineArn"])
    engine.worker.run(lambda: True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("left", [0.3, 0.6, 0.95])
def test_a_write_ahead_log_that_was_cut(tmp_path, left):
    """SQLite by itself goes on from an older state and says nothing."""
    subprocess.run([sys.executable, "-c", DIES, str(tmp_path)])
    log = tmp_path / "journal.db-wal"
    os.truncate(log, int(log.stat().st_size * left))
    with pytest.raises(JournalError, match="was saved and is gone"):
        Journal(tmp_path)


def test_a_journal_that_was_exchanged_for_an_older_one(tmp_path):
    subprocess.run([sys.executable, "-c", DIES, str(tmp_path)])
    for name in ("journal.db", "journal.db-wal", "journal.db-shm"):
        (tmp_path / name).unlink()
    with pytest.raises(JournalError, match="event 2 of execution 3 was saved and is gone"):
        Journal(tmp_path)


def test_what_was_pruned_is_not_missed(tmp_path):
    with Engine(tmp_path) as engine:
        engine.owner.note(1, 5)
        with pytest.raises(JournalError, match="event 5 of execution 1 was saved and is gone"):
            Journal(tmp_path)
        forget_notes(tmp_path)
        Journal(tmp_path).close()
