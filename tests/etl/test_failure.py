import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from stepwell.errors import (
    ConfigurationError,
    ConnectionLost,
    DatabaseUnavailable,
    DataError,
    DeadlineExceeded,
    DeadlockDetected,
    LockNotAvailable,
    SerializationFailure,
    SqlError,
    StepwellError,
    TransactionMisuse,
)
from stepwell.etl.connection import TaskConnection, connect, connection_for
from stepwell.etl.failure import explain
from stepwell.etl.run import run_script
from stepwell.etl.script import Script


def failure(url: str, text: str, /, **params: Any) -> StepwellError:
    connection = connection_for(url, "test")
    with pytest.raises(StepwellError) as caught:
        run_script(connection, Script.parse(text, "sql/task_02.sql"), params)
    return caught.value


def test_a_mistake_is_shown_with_file_line_caret_hint_and_code(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("create table visits (visit_date date)")
    error = failure(
        database,
        "select 1;\n\n-- since when\nselect :n, :n\nfrom visits\nwhere vist_date > :since;",
        n=1,
        since="2026-01-01",
    )
    assert error.message.splitlines() == [
        'sql/task_02.sql:6: column "vist_date" does not exist',
        "  where vist_date > :since;",
        "        ^",
        'HINT: Perhaps you meant to reference the column "visits.visit_date".',
        "SQLSTATE 42703 UndefinedColumn",
        "Correct the statement, then resume the run.",
    ]
    assert isinstance(error, SqlError)


def test_broken_data_is_shown_with_table_column_and_constraint(database: str) -> None:
    error = failure(
        database, "create table a (b int constraint positive check (b > 0));\ninsert into a\nvalues (:n)", n=-1
    )
    assert isinstance(error, DataError)
    for part in ("sql/task_02.sql:2: ", "DETAIL: Failing row contains (-1).", "table public.a", "constraint positive"):
        assert part in error.message


def test_a_parameter_is_called_by_its_name(database: str) -> None:
    error = failure(database, "select 1;\nselect :a::int, :since is null", a=1, since=None)
    assert "could not determine data type of parameter :since" in error.message
    assert "::date" in error.message


@pytest.mark.parametrize(
    ("text", "kind", "part"),
    [
        ("selec 1", SqlError, "task_02.sql:1: syntax error"),
        ("select * from nowhere", SqlError, "42P01"),
        ("select 1 / 0", DataError, "22012"),
        ("select :text::int", DataError, "22P02"),
        ("create table a (b int primary key); insert into a values (1), (1)", DataError, "a_pkey"),
        ("create table a (b int not null); insert into a values (null)", DataError, "column b"),
        ("do $$ begin raise exception 'twelve overlap'; end $$", DataError, "twelve overlap"),
        ("do $$ begin commit; end $$", TransactionMisuse, "2D000"),
        ("select set_config('role', 'pg_monitor', true); create table public.a (b int)", ConfigurationError, "42501"),
        ("set transaction read only; create table a (b int)", ConfigurationError, "read-only"),
        ("set local statement_timeout = 20; select pg_sleep(60)", DeadlineExceeded, "longer timeout="),
        ("select pg_cancel_backend(pg_backend_pid()); select pg_sleep(60)", SqlError, "user request"),
        ("select pg_terminate_backend(pg_backend_pid()); select 1", ConnectionLost, "57P01"),
        ("vacuum", SqlError, "transaction=False"),
        ("copy a from stdin", SqlError, "task_02.sql:1"),
        ("select :object", DataError, "task_02.sql:1"),
    ],
)
def test_every_failure_has_a_name_that_retry_and_catch_know(
    database: str, text: str, kind: type[StepwellError], part: str
) -> None:
    error = failure(database, text, text="x", object=[1, "mixed"])
    assert type(error) is kind
    assert part in error.message


def test_a_closed_connection_is_a_lost_one(database: str) -> None:
    connection = connect(database, "test")
    connection.close()
    with pytest.raises(psycopg.OperationalError) as caught:
        connection.execute("select 1")
    assert type(explain(caught.value)) is ConnectionLost


def test_too_many_connections_are_a_database_that_is_not_available(database: str) -> None:
    name = database.rpartition("/")[2].partition("?")[0]
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(f"create role {name}_r login password 'pw' connection limit 0")
        try:
            with pytest.raises(DatabaseUnavailable, match="too many connections for role"):
                connect(
                    database.replace("//postgres:", f"//{name}_r:pw@x:").partition("@x:")[0]
                    + "@"
                    + database.rpartition("@")[2],
                    "t",
                )
        finally:
            admin.execute(f"drop role {name}_r")


def test_python_code_is_named_by_its_own_file_and_line(database: str) -> None:
    connection = connection_for(database, "test")
    with pytest.raises(psycopg.Error) as caught:
        connection.execute("select nothing")
    assert explain(caught.value).message.startswith(f"{__file__}:")
    assert explain(caught.value, "pipeline.py:7").message.startswith("pipeline.py:7: ")


def test_our_own_errors_pass_through() -> None:
    error = SqlError("as it is")
    assert explain(error) is error


def both(url: str, do: Callable[[TaskConnection, int], None]) -> list[StepwellError]:
    """Run `do` on two connections in two threads; the errors that came of it."""
    errors: list[StepwellError] = []

    def run(number: int) -> None:
        with connect(url, f"test {number}") as connection:
            try:
                do(connection, number)
            except psycopg.Error as error:
                errors.append(explain(error))

    threads = [threading.Thread(target=run, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_a_deadlock_has_its_own_name(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("create table a (id int, n int)")
        connection.execute("insert into a values (0, 0), (1, 0)")
    together = threading.Barrier(2, timeout=60)

    def cross(connection: TaskConnection, number: int) -> None:
        connection.execute("set deadlock_timeout = '10ms'")
        connection.execute("update a set n = n + 1 where id = %s", [number])
        together.wait()
        connection.execute("update a set n = n + 1 where id = %s", [1 - number])

    assert [type(error) for error in both(database, cross)] == [DeadlockDetected]


def test_a_serialization_failure_has_its_own_name(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("create table a (n int)")
        connection.execute("insert into a values (0)")
    together = threading.Barrier(2, timeout=60)

    def add(connection: TaskConnection, number: int) -> None:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("select * from a")
        together.wait()
        connection.execute("update a set n = n + 1")

    assert [type(error) for error in both(database, add)] == [SerializationFailure]


def test_a_lock_that_is_not_free_has_its_own_name(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as other:
        other.execute("create table a (n int)")
        with other.transaction():
            other.execute("lock table a")
            error = failure(database, "select 1;\nlock table a nowait")
    assert isinstance(error, LockNotAvailable)
    assert "task_02.sql:2" in error.message
