import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from stepwell.errors import (
    ConfigurationError,
    ConnectionLost,
    DataError,
    DeadlineExceeded,
    LockNotAvailable,
    SqlError,
    StepwellError,
    Superseded,
    TransactionMisuse,
)
from stepwell.etl.connection import TaskConnection, connect, lease
from stepwell.etl.fence import Attempt, Key, Receipt, begin, finish, forget, run_fenced, run_plain
from tests.until import until

KEY = Key("shop", "task_01", "")
Work = Callable[[TaskConnection, int], dict[str, Any]]
Run = Callable[..., dict[str, Any]]


def insert(connection: TaskConnection, attempt: int) -> dict[str, Any]:
    connection.execute("insert into done values (%s)", [f"attempt {attempt}"])
    return {"rows": 1, "attempt": attempt}


@pytest.fixture
def done(database: str) -> Iterator[Callable[[], list[str]]]:
    """What has been committed: `done()` answers the rows of the table."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("create table done (who text)")
        yield lambda: [row[0] for row in connection.execute("select who from done order by who")]


def fenced(url: str, work: Work = insert, run: str = "run-1", execution: str = "e-1", **options: Any) -> dict[str, Any]:
    given = {"clear": False, "seconds": 60.0, "application": "test", "key": KEY, **options}
    return run_fenced(url=url, run=run, execution=execution, work=work, **given)


def plain(url: str, work: Work = insert, run: str = "run-1", execution: str = "e-1", **options: Any) -> dict[str, Any]:
    given = {"clear": False, "seconds": 60.0, "application": "test", "key": KEY, **options}
    return run_plain(url=url, run=run, execution=execution, work=work, **given)


# Receipts


@pytest.mark.parametrize("way", [fenced, plain])
def test_a_stored_receipt_is_answered_instead_of_working_again(database: str, done: Any, way: Run) -> None:
    first = way(database)
    again = way(database, execution="e-2")
    assert first == {"rows": 1, "attempt": 1}
    assert again == {**first, "repeated": True}
    assert done() == ["attempt 1"]


@pytest.mark.parametrize("way", [fenced, plain])
def test_another_run_works_again(database: str, done: Any, way: Run) -> None:
    way(database, run="run-1")
    assert way(database, run="run-2") == {"rows": 1, "attempt": 2}
    assert done() == ["attempt 1", "attempt 2"]


def test_another_window_counts_its_own_attempts(database: str, done: Any) -> None:
    fenced(database, run="run-1", key=Key("shop", "task_01", "2026-01"))
    assert fenced(database, run="run-2", key=Key("shop", "task_01", "2026-02"))["attempt"] == 1


@pytest.mark.parametrize("way", [fenced, plain])
def test_clear_replaces_the_receipt_of_another_execution_once(database: str, done: Any, way: Run) -> None:
    """The retry of the clearing execution finds its own receipt, so that it does not work twice."""
    way(database, execution="e-1")
    assert way(database, execution="e-2", clear=True) == {"rows": 1, "attempt": 2}
    assert way(database, execution="e-2", clear=True) == {"rows": 1, "attempt": 2, "repeated": True}
    assert way(database, execution="e-3") == {"rows": 1, "attempt": 2, "repeated": True}
    assert done() == ["attempt 1", "attempt 2"]


def test_forgotten_receipts_let_the_task_work_again(database: str, done: Any) -> None:
    fenced(database)
    with connect(database, "test") as connection:
        forget(connection, "shop", "run-1", ["task_01", "task_02"])
    assert fenced(database) == {"rows": 1, "attempt": 2}


def test_a_failed_attempt_leaves_nothing_behind_but_its_number(database: str, done: Any) -> None:
    def fail(connection: TaskConnection, attempt: int) -> dict[str, Any]:
        insert(connection, attempt)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fenced(database, fail)
    assert done() == []
    assert fenced(database) == {"rows": 1, "attempt": 2}


# Who may commit


def test_of_two_attempts_at_once_one_commits(database: str, attempt_process: Any) -> None:
    one, two = attempt_process("run-1", "one"), attempt_process("run-1", "two")
    assert sorted([one.tells()["working"], two.tells()["working"]]) == [1, 2]
    one.go_on()
    two.go_on()
    told = [one.tells(), two.tells()]
    with psycopg.connect(database) as connection:
        [who] = connection.execute("select who from done").fetchall()
    winners = [answer for answer in told if answer.get("who") == who[0] and "repeated" not in answer]
    losers = [answer for answer in told if answer.get("error") == "Superseded" or answer.get("repeated")]
    assert len(winners) == len(losers) == 1


def test_a_zombie_that_wakes_after_a_newer_attempt_has_begun_is_superseded(database: str, attempt_process: Any) -> None:
    zombie = attempt_process("run-1", "zombie")
    assert zombie.tells() == {"working": 1}
    newer = attempt_process("run-1", "newer")
    assert newer.tells() == {"working": 2}
    zombie.go_on()
    told = zombie.tells()
    assert told["error"] == "Superseded"
    assert "attempt 1 of task 'task_01'" in told["message"]
    assert "attempt 2" in told["message"]
    newer.go_on()
    assert newer.tells() == {"rows": 1, "who": "newer"}
    with psycopg.connect(database) as connection:
        assert connection.execute("select who from done").fetchall() == [("newer",)]


def test_a_zombie_that_wakes_after_the_newer_attempt_committed_answers_its_receipt(
    database: str, attempt_process: Any
) -> None:
    zombie = attempt_process("run-1", "zombie")
    zombie.tells()
    newer = attempt_process("run-1", "newer")
    newer.tells()
    newer.go_on()
    newer.tells()
    zombie.go_on()
    assert zombie.tells() == {"rows": 1, "who": "newer", "repeated": True}
    with psycopg.connect(database) as connection:
        assert connection.execute("select who from done").fetchall() == [("newer",)]


def test_a_zombie_of_an_older_run_is_superseded(database: str, attempt_process: Any) -> None:
    zombie = attempt_process("run-1", "zombie")
    zombie.tells()
    assert fenced(database, run="run-2") == {"rows": 1, "attempt": 2}
    zombie.go_on()
    assert zombie.tells()["error"] == "Superseded"


def test_a_zombie_thread_in_the_same_process_is_superseded(database: str, done: Any) -> None:
    working, wake, told = threading.Event(), threading.Event(), []

    def sleep(connection: TaskConnection, attempt: int) -> dict[str, Any]:
        working.set()
        wake.wait(60)
        return insert(connection, attempt)

    def zombie() -> None:
        try:
            fenced(database, sleep)
        except StepwellError as error:
            told.append(error)

    thread = threading.Thread(target=zombie)
    thread.start()
    assert working.wait(60)

    def newer(connection: TaskConnection, attempt: int) -> dict[str, Any]:
        wake.set()
        thread.join()
        return insert(connection, attempt)

    assert fenced(database, newer) == {"rows": 1, "attempt": 2}
    assert [type(error) for error in told] == [Superseded]
    assert done() == ["attempt 2"]


def test_a_killed_process_leaves_nothing_and_the_next_attempt_works(database: str, attempt_process: Any) -> None:
    killed = attempt_process("run-1", "killed")
    killed.tells()
    killed.kill()
    assert fenced(database) == {"rows": 1, "attempt": 2}
    with psycopg.connect(database) as connection:
        assert connection.execute("select who from done").fetchall() == [("attempt 2",)]


def test_a_newer_attempt_waits_for_one_that_is_just_committing(database: str, done: Any) -> None:
    with connect(database, "first") as first:
        begun = begin(first, KEY, "run-1", "e-1")
        assert isinstance(begun, Attempt)
        first.execute("select from stepwell.attempt for update")
        second = threading.Thread(target=fenced, args=(database,))
        second.start()
        waiting = (
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )
        with psycopg.connect(database, autocommit=True) as watcher:
            until(lambda: watcher.execute(waiting).fetchone() != (0,), "the second attempt waits")
        assert finish(first, begun, {"rows": 7}) == {"rows": 7}
        second.join()
    assert done() == []
    with connect(database, "after") as connection:
        assert begin(connection, KEY, "run-1", "e-9") == Receipt({"rows": 7})


# The transaction is Stepwell's


def test_commit_inside_a_task_is_refused_and_nothing_is_committed(database: str, done: Any) -> None:
    def commit(connection: TaskConnection, attempt: int) -> dict[str, Any]:
        insert(connection, attempt)
        connection.commit()
        return {}

    with pytest.raises(TransactionMisuse, match=r"test_fence\.py:\d+: connection\.commit\(\)"):
        fenced(database, commit)
    assert done() == []


@pytest.mark.parametrize("sql", ["commit", "rollback", "commit and chain", "end; begin"])
def test_a_transaction_ended_by_sql_is_noticed(database: str, done: Any, sql: str) -> None:
    def end(connection: TaskConnection, attempt: int) -> dict[str, Any]:
        connection.execute(sql)
        return insert(connection, attempt)

    with pytest.raises(TransactionMisuse, match="sent COMMIT or ROLLBACK as SQL"):
        fenced(database, end)
    assert done() == []


def test_a_savepoint_lets_a_part_fail(database: str, done: Any) -> None:
    def careful(connection: TaskConnection, attempt: int) -> dict[str, Any]:
        with suppress(psycopg.errors.DivisionByZero), connection.transaction():
            connection.execute("insert into done values ('lost')")
            connection.execute("select 1 / 0")
        return insert(connection, attempt)

    fenced(database, careful)
    assert done() == ["attempt 1"]


def test_a_failure_that_the_task_swallowed_fails_the_task(database: str, done: Any) -> None:
    def careless(connection: TaskConnection, attempt: int) -> dict[str, Any]:
        insert(connection, attempt)
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.execute("select 1 / 0")
        return {}

    with pytest.raises(SqlError, match=r"connection\.transaction\(\)"):
        fenced(database, careless)
    assert done() == []


def test_a_constraint_checked_at_the_commit_fails_the_task(database: str, done: Any) -> None:
    def late(connection: TaskConnection, attempt: int) -> dict[str, Any]:
        connection.execute("create table once (a int unique deferrable initially deferred)")
        connection.execute("insert into once values (1), (1)")
        return insert(connection, attempt)

    with pytest.raises(DataError, match="once_a_key"):
        fenced(database, late)
    assert done() == []


def test_settings_of_a_task_end_with_it(database: str, done: Any) -> None:
    def show(connection: TaskConnection, attempt: int) -> dict[str, Any]:
        names = (
            "statement_timeout",
            "idle_in_transaction_session_timeout",
            "lock_timeout",
            "client_connection_check_interval",
        )
        rows = connection.execute("select name, setting::int from pg_settings where name = any(%s)", [list(names)])
        return dict(rows.fetchall())

    settings = fenced(database, show, seconds=50)
    assert 40_000 < settings["statement_timeout"] <= 50_000
    assert 40_000 < settings["idle_in_transaction_session_timeout"] <= 50_000
    assert settings["lock_timeout"] == 10_000
    assert settings["client_connection_check_interval"] == 2_000
    with lease(database, "next") as connection:
        assert set(show(connection, 1).values()) == {0}


# Trouble on the way


def test_a_lost_acknowledgement_of_commit_is_settled_by_the_receipt(
    database: str, done: Any, network: Any, changed: Any
) -> None:
    def work(connection: TaskConnection, attempt: int) -> dict[str, Any]:
        network.cut("after COMMIT")
        return insert(connection, attempt)

    assert fenced(changed(database, port=network.port), work) == {"rows": 1, "attempt": 1}
    assert done() == ["attempt 1"]


def test_a_commit_that_never_arrived_is_a_lost_connection(database: str, done: Any, network: Any, changed: Any) -> None:
    def work(connection: TaskConnection, attempt: int) -> dict[str, Any]:
        network.cut("before COMMIT")
        return insert(connection, attempt)

    url = changed(database, port=network.port)
    with pytest.raises(ConnectionLost, match="was rolled back"):
        fenced(url, work)
    assert done() == []
    assert fenced(url) == {"rows": 1, "attempt": 2}


def test_a_commit_that_nobody_can_ask_about_is_a_lost_connection_and_the_retry_finds_out(
    database: str, done: Any, network: Any, changed: Any
) -> None:
    def work(connection: TaskConnection, attempt: int) -> dict[str, Any]:
        network.cut("after COMMIT", refuse_afterwards=True)
        return insert(connection, attempt)

    url = changed(database, port=network.port)
    with pytest.raises(ConnectionLost, match="cannot be asked"):
        fenced(url, work)
    network.refuses = False
    assert fenced(url) == {"rows": 1, "attempt": 1, "repeated": True}
    assert done() == ["attempt 1"]


def test_a_server_that_goes_away_in_the_middle_is_a_lost_connection(database: str, done: Any) -> None:
    def work(connection: TaskConnection, attempt: int) -> dict[str, Any]:
        insert(connection, attempt)
        with psycopg.connect(database) as other:
            other.execute("select pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])
        return insert(connection, attempt)

    with pytest.raises(ConnectionLost):
        fenced(database, work)
    assert done() == []
    assert fenced(database)["attempt"] == 2


def test_a_statement_that_outlives_the_deadline_is_cancelled(database: str, done: Any) -> None:
    def slow(connection: TaskConnection, attempt: int) -> dict[str, Any]:
        insert(connection, attempt)
        connection.execute("select pg_sleep(60)")
        return {}

    fenced(database, lambda *_: {}, key=Key("other", "task", ""))  # connects, and makes the tables
    with pytest.raises(DeadlineExceeded, match=r"test_fence\.py:\d+: canceling statement due to statement timeout"):
        fenced(database, slow, seconds=1)
    assert done() == []


def test_a_lock_that_is_not_free_in_time_is_named(database: str, done: Any) -> None:
    def blocked(connection: TaskConnection, attempt: int) -> dict[str, Any]:
        connection.execute("set local lock_timeout = '50ms'")
        connection.execute("lock table done")
        return {}

    with psycopg.connect(database) as other:
        other.execute("lock table done")
        with pytest.raises(LockNotAvailable, match="pg_locks"):
            fenced(database, blocked)


def test_a_limit_of_the_server_for_transactions_gives_way_to_the_tasks_own(database: str, done: Any) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        if admin.info.server_version < 170000:
            pytest.skip("PostgreSQL has it since 17")
        admin.execute(f"alter database {admin.info.dbname} set transaction_timeout = '1s'")

    def slow(connection: TaskConnection, attempt: int) -> dict[str, Any]:
        connection.execute("select pg_sleep(1.5)")
        return insert(connection, attempt)

    assert fenced(database, slow)["attempt"] == 1


# The tables


def test_many_who_come_first_make_the_tables_once(database: str) -> None:
    told: list[dict[str, Any]] = []
    together = threading.Barrier(6, timeout=60)

    def come(number: int) -> None:
        together.wait()
        told.append(fenced(database, lambda _, attempt: {"attempt": attempt}, key=Key("shop", f"task_{number}", "")))

    threads = [threading.Thread(target=come, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == [{"attempt": 1}] * 6


@pytest.fixture
def role(database: str, changed: Any) -> Iterator[tuple[str, str]]:
    """A user without any rights of its own: its name, and the URL to come as that user."""
    name = f"plain_{database.rpartition('_')[2]}"
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(f"create role {name} login password 'pw'")
        yield name, changed(database, user=name, password="pw")
        admin.execute(f"drop owned by {name} cascade")
        admin.execute(f"drop role {name}")


def told_commands(error: ConfigurationError) -> list[str]:
    return [line for line in error.message.splitlines() if line.endswith(";")]


@pytest.mark.parametrize("there", ["nothing", "the schema", "the tables"])
def test_without_the_right_to_make_tables_the_exact_commands_are_told(
    database: str, role: tuple[str, str], there: str
) -> None:
    name, url = role
    with psycopg.connect(database, autocommit=True) as admin:
        if there == "the schema":
            admin.execute("create schema stepwell")
        if there == "the tables":
            fenced(database, lambda _, attempt: {"attempt": attempt}, key=Key("other", "task", ""))
        with pytest.raises(ConfigurationError, match=name) as caught:
            fenced(url, lambda _, attempt: {"attempt": attempt})
        for command in told_commands(caught.value):
            admin.execute(command)
    assert fenced(url, lambda _, attempt: {"attempt": attempt}) == {"attempt": 1}


# Tasks that commit by themselves


def test_a_plain_task_commits_by_itself_and_may_be_done_again(database: str, done: Any) -> None:
    def half(connection: TaskConnection, attempt: int) -> dict[str, Any]:
        insert(connection, attempt)
        connection.commit()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        plain(database, half)
    assert done() == ["attempt 1"]
    assert plain(database) == {"rows": 1, "attempt": 2}
    assert plain(database) == {"rows": 1, "attempt": 2, "repeated": True}


def test_a_plain_task_may_vacuum_and_close_its_connection(database: str, done: Any) -> None:
    def work(connection: TaskConnection, attempt: int) -> dict[str, Any]:
        with connection.transaction():
            insert(connection, attempt)
        connection.execute("vacuum done")
        connection.close()
        return {"rows": 1}

    assert plain(database, work) == {"rows": 1}
    assert done() == ["attempt 1"]


def test_a_plain_task_that_leaves_a_transaction_open_is_told(database: str, done: Any) -> None:
    def forgetful(connection: TaskConnection, attempt: int) -> dict[str, Any]:
        connection.autocommit = False
        return insert(connection, attempt)

    with pytest.raises(TransactionMisuse, match="left a transaction open"):
        plain(database, forgetful)
    assert done() == []


def test_a_plain_zombie_stores_no_receipt(database: str, done: Any) -> None:
    def overtaken(connection: TaskConnection, attempt: int) -> dict[str, Any]:
        plain(database, run="run-2")
        return insert(connection, attempt)

    with pytest.raises(Superseded):
        plain(database, overtaken)
    assert plain(database)["attempt"] == 3
