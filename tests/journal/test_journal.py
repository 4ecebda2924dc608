"""What the journal promises: all or nothing, on disk, and only by the owner."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from random import Random

import pytest

from stepwell.asl.machine import parse_machine
from stepwell.asl.payload import Payload
from stepwell.engine.changes import Changes
from stepwell.engine.events import Event
from stepwell.engine.execution import Execution
from stepwell.errors import ExecutionAlreadyExists, JournalError, OwnershipLost
from stepwell.journal.catalog import MachineRow, hash_of
from stepwell.journal.journal import ExecutionRow, InvocationRow, Journal

DEFINITION = '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}'


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path)
    machine = MachineRow("arn:m", "m", "role", hash_of(DEFINITION), None, 1, 1)
    journal.catalog.save_machine(machine, DEFINITION)
    yield journal
    journal.close()


def row(name="e", owner="me", input_="{}"):
    return ExecutionRow(
        0, f"arn:{name}", "arn:m", hash_of(DEFINITION), "role", "RUNNING", input_,
        None, None, None, 1000, None, 0, None, 1, owner,
    )  # fmt: skip


def event(number, part=0, text='{"a": 1}', type_="PassStateEntered"):
    return Event(number, part, number - 1, 1000, type_, 0, "A", Payload.parse(text), {"k": "v"})


def save(number, events, status="RUNNING"):
    x = Execution("arn:e", "arn:m", "role", parse_machine(DEFINITION), Random(1))
    x.id, x.status = events[-1].id if events else 1, status
    changes = Changes(x, 1000)
    changes.events = events
    return number, changes


def test_events_come_back_as_they_were_written(journal):
    number = journal.start(row(), [event(1)])
    journal.commit("me", [save(number, [event(2), event(2, part=1), event(3)])])
    found = journal.events(number)
    assert [(e.id, e.part) for e in found] == [(1, 0), (2, 0), (2, 1), (3, 0)]
    assert found[1] == event(2)
    assert found[1].payload.text == '{"a": 1}'


def test_facts_of_ours_are_no_part_of_the_history(journal):
    number = journal.start(row(), [event(1), event(1, part=1), event(2)])
    assert [e[0] for e in journal.history(number, 0, 10)] == [1, 2]
    assert [e[0] for e in journal.history(number, 3, 10, reverse=True)] == [2, 1]


def test_only_the_owner_commits_and_what_another_tries_leaves_nothing(journal):
    first, second = journal.start(row("a"), [event(1)]), journal.start(row("b", owner="you"), [event(1)])
    with pytest.raises(OwnershipLost):
        journal.commit("me", [save(first, [event(2)]), save(second, [event(2)])])
    assert len(journal.events(first)) == len(journal.events(second)) == 1


def test_an_execution_is_taken_over_once(journal):
    number = journal.start(row(owner="dead"), [event(1)])
    assert journal.take_over(number, "dead", "me")
    assert not journal.take_over(number, "dead", "you")
    assert journal.execution("arn:e").owner == "me"


def test_a_name_is_used_once(journal):
    journal.start(row(), [event(1)])
    with pytest.raises(ExecutionAlreadyExists):
        journal.start(row(), [event(1)])


def test_a_wish_reaches_the_owner_of_the_execution_alone(journal):
    mine, other = journal.start(row("a"), [event(1)]), journal.start(row("b"), [event(1)])
    before = journal.version()
    journal.post(mine, "stop", {"cause": "c"})
    journal.post(other, "stop", {})
    assert journal.version() != before
    assert journal.collect([mine]) == [(mine, "stop", {"cause": "c"})]
    assert journal.collect([mine]) == []
    assert journal.collect([other]) == [(other, "stop", {})]


def test_a_write_of_another_process_is_noticed(journal):
    before = journal.version()
    other = Journal(journal.folder)
    other.post(other.start(row("x"), [event(1)]), "stop", {})
    other.close()
    assert journal.version() != before


def test_an_old_definition_is_kept_for_the_executions_that_began_with_it(journal):
    changed = DEFINITION.replace("Succeed", "Pass")
    journal.catalog.save_machine(MachineRow("arn:m", "m", "role", hash_of(changed), "r", 1, 2), changed)
    assert journal.catalog.definition(hash_of(DEFINITION)) == DEFINITION
    assert journal.catalog.machine("arn:m").revision == "r"


def test_executions_are_listed_newest_first_and_page_by_key(journal):
    numbers = [journal.start(row(str(n)), [event(1)]) for n in range(5)]
    journal.commit("me", [save(numbers[0], [], "FAILED")])
    assert [r.id for r in journal.executions("arn:m", limit=2)] == numbers[:2:-1]
    assert [r.id for r in journal.executions("arn:m", before=numbers[3], limit=2)] == [numbers[2], numbers[1]]
    assert [r.id for r in journal.executions(status="FAILED")] == [numbers[0]]


def test_where_a_call_logged_is_saved_with_what_it_has_come_to(journal):
    number = journal.start(row(), [event(1)])
    journal.commit("me", [], [(number, InvocationRow(3, "r", "f/x.log", None, None))])
    journal.commit("me", [save(number, [event(2)])], [(number, InvocationRow(3, "r", "f/x.log", 12, 30))])
    assert journal.invocations(number) == [InvocationRow(3, "r", "f/x.log", 12, 30)]


def test_every_commit_is_on_disk_before_it_is_answered(journal):
    """WAL with synchronous=FULL; what SIGKILL of the machine does cannot be tried, that the setting holds can."""
    ask = journal._store.connection.execute
    assert [ask(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")] == ["wal", 2]


def test_a_file_that_is_no_journal_is_named(tmp_path):
    (tmp_path / "journal.db").write_bytes(b"not a database, but long enough to be read as one" * 100)
    with pytest.raises(JournalError, match=r"journal\.db is damaged: file is not a database\. Remedy: "):
        Journal(tmp_path)


def test_a_journal_of_a_newer_version_is_left_alone(tmp_path):
    Journal(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(JournalError, match="newer Stepwell"):
        Journal(tmp_path)


def test_two_processes_that_make_the_journal_at_once_make_one(tmp_path):
    make = (
        "from pathlib import Path; from stepwell.journal.journal import Journal; import sys; Journal(Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", make, str(tmp_path)]
    makers = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(4)]
    assert [maker.communicate()[1] for maker in makers] == [b""] * 4
    Journal(tmp_path).close()


def test_a_place_where_no_folder_can_be_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match=r"file.*journal\.db cannot be used"):
        Journal(tmp_path / "file" / "home")
