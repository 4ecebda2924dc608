"""How the journal's file is brought up to date, and how transactions are saved together."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from stepwell.errors import JournalError
from stepwell.journal.catalog import MachineRow, hash_of
from stepwell.journal.journal import Journal
from stepwell.journal.store import VERSION, Store

FIRST = Path(__file__).with_name("version-1.sql")  # the schema as version 1 had it
DEFINITION = '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}'


def columns(path):
    """Every table with its columns: name, type, not null, default, place in the key."""
    with sqlite3.connect(path) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {table: [row[1:] for row in db.execute(f"PRAGMA table_info({table})")] for table in tables}
        indexes = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
    db.close()
    return found, indexes


def old_journal(folder):
    with sqlite3.connect(folder / "journal.db") as db:
        db.executescript(FIRST.read_text() + "PRAGMA user_version = 1;")
        db.execute("INSERT INTO definitions VALUES (?, ?)", (hash_of(DEFINITION), DEFINITION))
        db.execute("INSERT INTO machines VALUES ('arn:m', 'm', 'role', ?, NULL, 1, 1)", (hash_of(DEFINITION),))
        row = (1, "arn:e", "arn:m", hash_of(DEFINITION), "role", "FAILED", "{}", None, "E", "C", 1, 2, 0, None, 4, "o")
        db.execute(f"INSERT INTO executions VALUES ({', '.join('?' * len(row))})", row)
    db.close()


def test_an_old_journal_becomes_what_a_new_one_is(tmp_path):
    (tmp_path / "old").mkdir()
    old_journal(tmp_path / "old")
    Journal(tmp_path / "old").close()
    Journal(tmp_path / "new").close()
    assert columns(tmp_path / "old/journal.db") == columns(tmp_path / "new/journal.db")


def test_what_an_old_journal_holds_is_kept(tmp_path):
    old_journal(tmp_path)
    journal = Journal(tmp_path)
    assert journal.catalog.machine("arn:m") == MachineRow("arn:m", "m", "role", hash_of(DEFINITION), None, 1, 1)
    assert journal.execution("arn:e").error == "E"
    journal.close()
    Journal(tmp_path).close()


def test_there_is_a_migration_to_every_version():
    migrations = Path(__file__).parents[2] / "src/stepwell/journal/migrations"
    assert {path.name for path in migrations.iterdir()} == {f"{n}.sql" for n in range(2, VERSION + 1)}


def test_two_processes_that_migrate_at_once_migrate_once(tmp_path):
    old_journal(tmp_path)
    code = (
        "import sys; from pathlib import Path; from stepwell.journal.journal import Journal; Journal(Path(sys.argv[1]))"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stderr=subprocess.PIPE) for _ in range(3)]
    assert [each.communicate()[1] for each in both] == [b""] * 3


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    yield store
    store.close()


def seen(store):
    """What another connection sees: what is on disk."""
    with sqlite3.connect(store.path) as db:
        found = [row[0] for row in db.execute("SELECT text FROM definitions ORDER BY text")]
    db.close()
    return found


def write(store, text):
    with store.transaction() as db:
        db.execute("INSERT INTO definitions VALUES (?, ?)", (text, text))


def test_transactions_of_one_block_reach_the_disk_at_its_end(store):
    with store.together():
        write(store, "a")
        write(store, "b")
        assert seen(store) == []
    assert seen(store) == ["a", "b"]
    write(store, "c")
    assert seen(store) == ["a", "b", "c"]


def test_a_transaction_that_fails_leaves_the_others_of_its_block(store):
    with store.together():
        write(store, "a")
        with pytest.raises(JournalError):
            write(store, "a")
        write(store, "b")
    assert seen(store) == ["a", "b"]


def test_a_block_that_fails_leaves_nothing(store):
    def block():
        with store.together():
            write(store, "a")
            raise KeyError

    with pytest.raises(KeyError):
        block()
    assert seen(store) == []
