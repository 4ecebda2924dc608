"""Ten kinds of failure, each made to happen: the card names the cause, and what it says to do works."""

import shlex
from collections.abc import Callable
from typing import Any, NamedTuple

import psycopg
import pytest

from stepwell.cli.local import Engine
from tests.e2e.conftest import Project

Make = Callable[..., Project]
HEAD = """
import os, pathlib, threading, time
import psycopg
from stepwell import Pipeline, Retry, env, row_count

pipeline = Pipeline("p", params={"days": 1}, database=env("DATABASE_URL"))
once = dict(retry=Retry(max_attempts=0))
mended = pathlib.Path("mended").exists()
"""
SQL = 'pipeline.sql("task_01", "a.sql", **once)\n'
DEADLOCK = """
@pipeline.task(**once)
def task_01(connection):
    if mended:
        return
    connection.execute("LOCK TABLE one")
    with psycopg.connect(os.environ["DATABASE_URL"]) as other:
        other.execute("LOCK TABLE two")
        waiter = threading.Thread(target=lambda: other.execute("LOCK TABLE one"))
        other.execute("SET deadlock_timeout = '1h'")
        waiter.start()
        waits = "SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted"
        while connection.execute(waits, [other.info.backend_pid]).fetchone() == (0,):
            time.sleep(0.01)
        connection.execute("SET LOCAL deadlock_timeout = '50ms'")
        connection.execute("LOCK TABLE two")
"""


class Case(NamedTuple):
    """`sql` and then `right` are the file a.sql; `wrong` is a part of the database's URL that is not so."""

    error: str
    cause: str
    source: str = SQL
    sql: str = "SELECT 1"
    right: str = "SELECT 1"
    wrong: tuple[str, Any] | None = None


def task(body: str) -> str:
    return f"@pipeline.task(**once)\ndef task_01():\n    if not mended: {body}\n"


CASES = {
    "wrong password": Case("ConfigurationError", "the password of the user nobody", wrong=("user", "nobody")),
    "connection refused": Case("DatabaseUnavailable", "Nothing listens at 127.0.0.1, port 1.", wrong=("port", 1)),
    "missing table": Case("SqlError, SQLSTATE 42P01 UndefinedTable", "no table or view nowhere", sql="TABLE nowhere"),
    "unique violation": Case(
        "DataError, SQLSTATE 23505 UniqueViolation", "which one_pkey forbids", sql="INSERT INTO one VALUES (1), (1)"
    ),
    "deadlock": Case("DeadlockDetected, SQLSTATE 40P01 DeadlockDetected", "each waited", source=DEADLOCK),
    "timeout": Case(
        "DeadlineExceeded, SQLSTATE 57014 QueryCanceled",
        "task_01 took longer than its timeout allows",
        source=SQL.replace("**once", "timeout=60 if mended else 1, **once"),
        sql="SELECT pg_sleep(60)",
    ),
    "out of memory": Case("MemoryError", "wanted more memory than there is", source=task("bytearray(10 ** 18)")),
    "process killed": Case("Runtime.ExitError", "was killed", source=task("os.kill(os.getpid(), 9)")),
    "check failed": Case(
        "CheckFailed",
        "A check of task_01 found data",
        source='pipeline.load("task_01", into="public.t", query="a.sql", checks=[row_count(min=2)], **once)\n',
        right="SELECT generate_series(1, 2) AS id",
        sql="SELECT 1 AS id",
    ),
}


@pytest.mark.parametrize("kind", CASES)
def test_the_card_names_the_cause_and_a_command_that_works(
    kind: str, project: Make, database: str, changed: Callable[..., str]
) -> None:
    case = CASES[kind]
    made = project(HEAD + case.source, changed(database, **dict([case.wrong])) if case.wrong else database)
    made.write("a.sql", case.sql)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE one (id int PRIMARY KEY)")
        connection.execute("CREATE TABLE two ()")
    card = fields(made("run", "--name", "bad", code=1).stdout)
    assert card["error"].startswith(case.error)
    assert case.cause in card["cause"]
    assert card["do"]
    made.write("a.sql", case.right)
    made.write("mended", "")
    made.environment["DATABASE_URL"] = database
    made(*shlex.split(card["next"])[1:])


def test_a_run_with_a_wrong_input_is_begun_anew(project: Make, database: str) -> None:
    """`stepwell run` refuses it at once; whoever starts it through the API gets the card."""
    made = project(HEAD + SQL, database)
    made.write("a.sql", "SELECT 1")
    assert "'days' must be int" in made("run", "--input", '{"days": "x"}', code=2).stderr
    made("run", "--name", "good")
    with Engine(made.folder / ".stepwell") as engine:
        machine = engine.client.list_state_machines()["stateMachines"][0]["stateMachineArn"]
        engine.client.start_execution(stateMachineArn=machine, name="bad", input='{"days": "x"}')
    card = fields(made("resume", "bad", code=1).stdout)
    assert card["error"] == "BadInput"
    assert "was given a days" in card["cause"]
    assert card["next"] == """stepwell run --input '{"days": 1}'"""
    made(*shlex.split(card["next"])[1:])


def fields(printed: str) -> dict[str, str]:
    """The card at the end of what was printed: the first line of each field."""
    lines = printed[printed.index("failed in run") :].splitlines()[1:]
    return {line[2:9].strip(): line[9:] for line in lines if line[2:9].strip()}
