"""The three phases: each may be repeated, a run goes on where it was, and what is done stays done."""

from typing import Any

import psycopg
import pytest

from stepwell.errors import CheckFailed, ConfigurationError, DataError, NotReconciled
from stepwell.etl import chunked
from stepwell.etl.connection import TaskConnection
from stepwell.etl.fence import run_fenced
from stepwell.etl.ledger import Lot
from stepwell.progress import open_progress
from tests.etl.chunking import add_one, counts, job, ledger, make_items, run_all


def bad_once(until: list[str]) -> Any:
    """Work that fails for row 777 as long as `until` is not empty."""

    def work(connection: TaskConnection, lot: Lot) -> int:
        rows = add_one(connection, lot)
        query = "select exists (select from item where id = 777 and xmin = pg_current_xact_id()::xid)"
        if until and connection.execute(query).fetchone() == (True,):
            connection.execute("select 1 / 0")
        return rows

    return work


def test_the_receipt_has_what_every_receipt_has_and_how_it_was_done(database: str) -> None:
    make_items(database)
    receipt = run_all(job(database))
    assert set(receipt) >= {"task", "run", "status", "rows", "seconds", "attempt", "used", "chunks", "lots", "lanes"}
    assert (receipt["task"], receipt["status"], receipt["rows"], receipt["repeated"]) == (
        "task_02",
        "done",
        1000,
        False,
    )
    assert receipt["chunks"] == len(ledger(database))
    assert 0 < receipt["lots"] <= receipt["chunks"]


def test_a_task_that_is_done_answers_its_receipt_in_every_phase(database: str) -> None:
    make_items(database)
    receipt = run_all(job(database))
    assert chunked.plan(job(database))["lanes"] == []
    again = chunked.reconcile(job(database), receipt["attempt"])
    assert again == {**receipt, "repeated": True}
    assert chunked.go_on(job(database)) == again
    assert counts(database) == {1: 1000}


def test_a_task_that_was_done_as_a_whole_has_a_receipt_that_the_machine_of_chunks_can_read(database: str) -> None:
    make_items(database)
    given = job(database)
    whole = {"task": "task_02", "rows": 9, "attempt": 1}
    run_fenced(database, given.key, given.run, given.execution, False, 60, "test", lambda *_: whole)
    assert chunked.plan(given)["lanes"] == []
    told = chunked.reconcile(given, 1)
    assert (told["rows"], told["chunks"], told["lanes"], told["repeated"]) == (9, 0, 0, True)


def test_an_empty_table_is_done_at_once(database: str) -> None:
    make_items(database, 0)
    receipt = run_all(job(database))
    assert (receipt["rows"], receipt["chunks"]) == (0, 3)


def test_a_failed_run_goes_on_with_what_is_left_and_the_work_as_it_is_now(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make_items(database)
    number = chunked.plan(job(database))["number"]
    bad = ["yes"]
    with pytest.raises(DataError):
        chunked.lane(job(database, bad_once(bad)), number)
    done = counts(database)[1]
    assert 0 < done < 1000
    bad.clear()
    resumed = job(database, bad_once(bad), execution="night-2", what="mended")
    second = chunked.plan(resumed)
    assert second["number"] > number
    assert "they were done by what the task was before" in capsys.readouterr().out
    assert chunked.lane(resumed, second["number"])["rows"] == 1000 - done
    assert chunked.reconcile(resumed, second["number"])["rows"] == 1000
    assert counts(database) == {1: 1000}


def test_what_is_cleared_is_planned_and_done_again(database: str) -> None:
    make_items(database)
    run_all(job(database))
    again = job(database, execution="night-2", clear=True)
    assert run_all(again)["rows"] == 1000
    assert counts(database) == {2: 1000}
    assert chunked.plan(again)["lanes"] == []  # a retry of the same execution does not clear what it has done itself


def test_a_plan_with_done_chunks_of_another_key_is_not_gone_on_with(database: str) -> None:
    make_items(database)
    number = chunked.plan(job(database))["number"]
    with pytest.raises(DataError):
        chunked.lane(job(database, bad_once(["yes"])), number)
    with pytest.raises(ConfigurationError, match="--from task_02"):
        chunked.plan(job(database, by=("id",)))


def test_a_plan_of_which_nothing_was_done_is_made_anew(database: str) -> None:
    make_items(database)
    first = chunked.plan(job(database, size=50))
    second = chunked.plan(job(database, size=100, by=("id",)))
    assert second["chunks"] == 10
    assert second["number"] > first["number"]
    assert len(ledger(database)) == 10


def test_lanes_without_a_plan_are_told_so(database: str) -> None:
    make_items(database)
    with pytest.raises(ConfigurationError, match="has no plan"):
        chunked.lane(job(database))
    with pytest.raises(ConfigurationError, match="has no plan"):
        chunked.reconcile(job(database))


def test_bare_invocations_go_on_until_the_receipt(database: str) -> None:
    """Each is a run of its own by its name, and adopts the one before it."""
    make_items(database, 400)

    def work(connection: TaskConnection, lot: Lot) -> int:
        return add_one(connection, lot, f"select pg_sleep({0.04 * len(lot.chunks)})")

    answers = []
    while not answers or answers[-1].get("done") is False:
        run = f"invoke-{len(answers)}"
        answers.append(chunked.go_on(job(database, work, seconds=0.6, run=run, execution=run, size=20, lanes=1)))
    *unfinished, receipt = answers
    assert unfinished
    assert all(answer["run"] == "invoke-0" and answer["status"] == "running" for answer in unfinished)
    assert [answer["chunks_done"] for answer in unfinished] == sorted(answer["chunks_done"] for answer in unfinished)
    assert (receipt["status"], receipt["rows"], receipt["run"]) == ("done", 400, "invoke-0")
    assert counts(database) == {1: 400}
    assert chunked.go_on(job(database, run="invoke-99"))["run"] == "invoke-99"


def test_a_bare_invocation_gives_failed_chunks_another_chance(database: str) -> None:
    make_items(database)
    bad = ["yes"]
    with pytest.raises(DataError):
        chunked.go_on(job(database, bad_once(bad), run="invoke-1"))
    bad.clear()
    assert chunked.go_on(job(database, bad_once(bad), run="invoke-2"))["rows"] == 1000
    assert counts(database) == {1: 1000}


def test_a_ledger_that_somebody_has_changed_is_not_reconciled(database: str) -> None:
    make_items(database)
    number = chunked.plan(job(database))["number"]
    chunked.lane(job(database), number)
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("delete from stepwell.chunk where chunk = 3")
    with pytest.raises(NotReconciled, match="somebody has changed"):
        chunked.reconcile(job(database), number)


def test_a_check_that_fails_keeps_the_receipt_away_and_is_asked_again(database: str) -> None:
    make_items(database)

    def check(connection: TaskConnection) -> dict[str, Any]:
        if connection.execute("select count(*) from item where v <> 1").fetchone() == (0,):
            raise CheckFailed("too good")
        return {"checks": 1}

    number = chunked.plan(job(database))["number"]
    chunked.lane(job(database), number)
    with pytest.raises(CheckFailed):
        chunked.reconcile(job(database)._replace(check=check), number)
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("update item set v = 5 where id = 1")
    assert chunked.reconcile(job(database)._replace(check=check), number)["checks"] == 1


def test_progress_is_the_ledger_in_the_end(database: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPWELL_PROGRESS", f"sqlite:///{tmp_path}/progress.db")
    make_items(database)
    receipt = run_all(job(database))
    store = open_progress()
    told = store.summary("shop", "night", "task_02")
    assert told is not None
    assert (told.state, told.done, told.chunks, told.rows) == ("done", receipt["chunks"], receipt["chunks"], 1000)
    columns = "chunk, state, rows_done, ms, attempts, lane"
    mirrored = [(s.chunk, s.state, s.rows, s.ms, s.attempts, s.lane) for s in store.chunks("shop", "night", "task_02")]
    assert mirrored == ledger(database, columns)
    store.close()


def test_a_progress_store_that_cannot_be_written_is_nobodys_trouble(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPWELL_PROGRESS", "sqlite:////nowhere/at/all/progress.db")
    make_items(database)
    assert run_all(job(database))["rows"] == 1000


def test_a_row_that_comes_after_the_plan_is_in_a_chunk_also_with_null_in_its_key(database: str) -> None:
    make_items(database, 100)
    given = job(database)
    number = chunked.plan(given)["number"]
    with psycopg.connect(database) as admin:
        admin.execute("insert into item values (1001, null, 5), (1002, 5, null), (1003, -9, 5), (1004, 999, 5)")
    assert chunked.lane(given, number)["done"]
    assert counts(database) == {1: 104}
    assert chunked.reconcile(given, number)["rows"] == 104
