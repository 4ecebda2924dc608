"""The Lambda function of a pipeline, on a real database."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from stepwell import errors
from stepwell.etl.connection import close_all
from stepwell.handler import handler, lambda_handler

PIPELINE = """\
import os
import time
from stepwell import Pipeline, check, env, row_count, unique

pipeline = Pipeline("visits", params={"days": 30, "text": "x"})
pipeline.sql("insert", "insert.sql")
pipeline.load("copy", into="copied", query="select n, :days::int as days from visit", source=None)


@pipeline.task
def count(connection, context):
    connection.execute("insert into visit values (1, 'python')")
    return {"days": context.params["days"], "attempt": context.attempt, "left": context.remaining() > 0}


class MyOwnError(Exception):
    pass


@pipeline.task
def broken(connection):
    connection.execute("insert into visit values (1, 'broken')")
    raise MyOwnError("as I said: {'x'}")


@pipeline.task
def doubled(connection):
    connection.execute("insert into visit values (1, 'a'), (1, 'b')")
    connection.execute("create unique index on visit (n)")


@pipeline.task
def too_much(connection):
    connection.execute("insert into visit values (1, 'much')")
    return {"text": "x" * 40_000}


@pipeline.task
def slow(connection):
    connection.execute("insert into visit values (1, 'slow')")
    time.sleep(60)


@pipeline.task
def slow_query(connection):
    connection.execute("insert into visit values (1, 'slow')")
    connection.execute("select pg_sleep(60)")


@pipeline.task(transaction=False)
def outside(connection):
    connection.execute("insert into visit values (1, 'outside')")


@pipeline.task
def quiet():
    pass


pipeline.sql("slow_sql", "slow.sql")
pipeline.sql(
    "checked", "insert.sql", checks=[row_count(max=3, table="visit"), check("select * from visit where n > :days")]
)
pipeline.load("checked_load", into="copied", query="select n from visit", checks=[row_count(min=1), unique("n")])


@pipeline.task(checks=[row_count(max=1, table="visit")])
def checked_quiet():
    return 7


@pipeline.task(transaction=False, checks=[row_count(max=1, table="visit")])
def checked_outside(connection):
    connection.execute("insert into visit values (1, 'outside')")


@pipeline.task
def tells(connection, context):
    if context.params["text"] == "raise":
        raise MyOwnError(f"no luck with {os.environ['DATABASE_URL']}")
    if context.params["text"] == "conninfo":
        import psycopg
        psycopg.connect(os.environ["DATABASE_URL"].replace("://", "//"))
    return {"url": os.environ["DATABASE_URL"]}


@pipeline.task(checks=[row_count(min=1, table="visit")])
def in_dicts(connection):
    from psycopg import ClientCursor
    from psycopg.rows import dict_row

    connection.row_factory, connection.cursor_factory, connection.prepare_threshold = dict_row, ClientCursor, 0
    return connection.execute("insert into visit values (1, 'dict') returning n").fetchone()["n"]


@pipeline.task(transaction=False, checks=[row_count(max=1, table="visit")])
def only_reads(connection):
    connection.autocommit = False
    connection.read_only = True
    connection.execute("select from visit")
    connection.commit()
"""
INSERT = "insert into visit select n, :text from generate_series(1, :days) n;\ndelete from visit where n > :days;"


class LambdaContext:
    """What the Lambda runtime hands to a handler, as far as it is used."""

    def __init__(self, request: str, seconds: float = 900.0) -> None:
        self.aws_request_id = request
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self._seconds * 1000)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A pipeline's folder as the function finds it; afterwards nothing of it is on the import path."""
    (tmp_path / "pipeline.py").write_text(PIPELINE)
    (tmp_path / "insert.sql").write_text(INSERT)
    (tmp_path / "slow.sql").write_text("insert into visit values (1, 'slow');\n\nselect pg_sleep(60);")
    monkeypatch.setenv("LAMBDA_TASK_ROOT", str(tmp_path))
    monkeypatch.delenv("STEPWELL_PIPELINE", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    path = list(sys.path)
    yield tmp_path
    sys.path[:] = path
    sys.modules.pop("pipeline", None)


@pytest.fixture
def visits(folder: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[tuple[str, int]]]:
    """Makes the table that the tasks fill; answers what is in it by text."""
    monkeypatch.setenv("DATABASE_URL", database)
    with psycopg.connect(database) as connection:
        connection.execute("create table visit (n int, note text)")

    def read() -> list[tuple[str, int]]:
        with psycopg.connect(database) as connection:
            return connection.execute("select note, count(*) from visit group by 1 order by 1").fetchall()

    return read


def by_step_functions(action: str, execution: str = "night-1", **given: Any) -> dict[str, Any]:
    context = {"Execution": {"Id": f"arn:{execution}", "Name": execution, "Input": given}, "State": {"RetryCount": 0}}
    return {"action": action, "timeout": 900, "context": context}


Visits = Callable[[], list[tuple[str, int]]]


def test_a_task_is_committed_with_its_receipt(visits: Visits) -> None:
    receipt = handler(by_step_functions("insert", days=3), LambdaContext("id-1"))
    assert {**receipt, "seconds": 0, "used": {}} == {
        "task": "insert",
        "run": "night-1",
        "status": "done",
        "rows": 3,
        "seconds": 0,
        "attempt": 1,
        "used": {},
    }
    assert visits() == [("x", 3)]


def test_a_task_that_is_done_is_answered_from_its_receipt(visits: Visits) -> None:
    first = handler(by_step_functions("insert", days=3), LambdaContext("id-1"))
    assert handler(by_step_functions("insert", days=3), LambdaContext("id-2")) == {**first, "repeated": True}
    assert visits() == [("x", 3)]


def test_a_resumed_run_does_again_only_what_it_is_told_to_clear(visits: Visits) -> None:
    handler(by_step_functions("insert", days=3), LambdaContext("id-1"))
    own = {"run": "night-1", "clear": ["insert"]}
    again = by_step_functions("insert", "resumed-1", days=2, stepwell=own)
    assert "repeated" not in handler(again, LambdaContext("id-2"))
    assert handler(again, LambdaContext("id-3"))["repeated"] is True
    assert visits() == [("x", 4)]


def test_a_bare_invocation_takes_the_defaults_and_is_a_run_of_its_own(visits: Visits) -> None:
    for request in ("id-1", "id-2"):
        receipt = handler({"action": "count"}, LambdaContext(request))
        assert receipt["run"] == f"invoke-{request}"
        assert receipt["result"]["days"] == 30
        assert receipt["result"]["left"] is True
    assert receipt["attempt"] == receipt["result"]["attempt"] == 2
    assert visits() == [("python", 2)]


def test_a_load_replaces_the_table(visits: Visits, database: str) -> None:
    handler(by_step_functions("insert", days=5), LambdaContext("id-1"))
    assert handler(by_step_functions("copy", days=5), LambdaContext("id-2"))["rows"] == 5
    assert handler(by_step_functions("copy", "night-2", days=7), LambdaContext("id-3"))["rows"] == 5
    with psycopg.connect(database) as connection:
        assert connection.execute("select count(*), max(days) from copied").fetchone() == (5, 7)


def test_an_error_of_the_task_keeps_its_own_name_and_words(visits: Visits) -> None:
    with pytest.raises(Exception, match=r"^as I said: \{'x'\}$") as raised:
        handler({"action": "broken"}, LambdaContext("id-1"))
    assert raised.type.__name__ == "MyOwnError"
    assert visits() == []


def test_the_traceback_of_a_tasks_error_shows_the_users_code_only(visits: Visits) -> None:
    with pytest.raises(Exception, match="as I said") as raised:
        handler({"action": "broken"}, LambdaContext("id-1"))
    files = [Path(entry.path).name for entry in raised.traceback]
    assert files == ["test_handler.py", "handler.py", "pipeline.py"]


def test_what_the_database_refuses_has_the_name_that_retry_and_catch_know(visits: Visits) -> None:
    with pytest.raises(errors.DataError, match="SQLSTATE 23505") as raised:
        handler({"action": "doubled"}, LambdaContext("id-1"))
    assert "pipeline.py:29" in raised.value.message
    assert visits() == []


def test_a_receipt_that_is_too_large_is_not_committed(visits: Visits) -> None:
    with pytest.raises(errors.ReceiptTooLarge, match="a task returns counts and ids, never rows"):
        handler({"action": "too_much"}, LambdaContext("id-1"))
    assert visits() == []


@pytest.mark.parametrize("action", ["slow", "slow_query", "slow_sql"])
def test_a_task_that_misses_its_deadline_is_rolled_back_and_the_next_one_works(visits: Visits, action: str) -> None:
    with pytest.raises(errors.DeadlineExceeded):
        handler({"action": action, "timeout": 0.5}, LambdaContext("id-1"))
    handler({"action": "count"}, LambdaContext("id-2"))
    assert visits() == [("python", 1)]


def test_the_deadline_is_that_of_the_function_if_it_comes_first(visits: Visits) -> None:
    with pytest.raises(errors.DeadlineExceeded):
        handler({"action": "slow"}, LambdaContext("id-1", seconds=0.5))
    assert visits() == []


def test_a_task_without_a_transaction_commits_by_itself(visits: Visits) -> None:
    event = by_step_functions("outside")
    assert handler(event, LambdaContext("id-1"))["status"] == "done"
    assert handler(event, LambdaContext("id-2"))["repeated"] is True
    assert visits() == [("outside", 1)]


@pytest.mark.parametrize("action", ["in_dicts", "only_reads"])
def test_what_a_task_turns_at_its_connection_is_turned_back_when_it_ends(visits: Visits, action: str) -> None:
    """For its own checks and receipt, and for the next task of the process."""
    assert handler(by_step_functions(action))["status"] == "done"
    assert handler(by_step_functions("insert", days=1))["rows"] == 1


def test_checks_that_hold_are_counted_in_the_receipt(visits: Visits) -> None:
    assert handler(by_step_functions("checked", days=3), LambdaContext("id-1"))["checks"] == 2
    assert handler(by_step_functions("checked_load", days=3), LambdaContext("id-2"))["checks"] == 2
    assert "checks" not in handler(by_step_functions("insert", days=3), LambdaContext("id-3"))


def test_a_check_that_fails_lets_nothing_be_committed(visits: Visits) -> None:
    with pytest.raises(errors.CheckFailed, match=r"there are 4 rows, more than 3") as raised:
        handler(by_step_functions("checked", days=4), LambdaContext("id-1"))
    assert raised.value.message.startswith("pipeline.py:61: 1 of 2 checks failed")
    assert visits() == []
    handler(by_step_functions("checked", days=3), LambdaContext("id-2"))
    assert visits() == [("x", 3)]


def test_a_load_whose_check_fails_leaves_the_old_table(visits: Visits, database: str) -> None:
    handler(by_step_functions("insert", days=3), LambdaContext("id-1"))
    handler(by_step_functions("checked_load"), LambdaContext("id-2"))
    handler(by_step_functions("count"), LambdaContext("id-3"))
    with pytest.raises(errors.CheckFailed, match=r"unique\(n\) on copied: 1 value occurs more than once, in 2 rows"):
        handler(by_step_functions("checked_load", "night-2"), LambdaContext("id-4"))
    with psycopg.connect(database) as connection:
        assert connection.execute("select count(*) from copied").fetchone() == (3,)


def test_a_task_without_a_connection_may_have_checks_as_well(visits: Visits) -> None:
    receipt = handler(by_step_functions("checked_quiet"), LambdaContext("id-1"))
    assert (receipt["rows"], receipt["checks"]) == (7, 1)


def test_checks_of_a_task_without_a_transaction_keep_its_receipt_from_being_stored(visits: Visits) -> None:
    assert handler(by_step_functions("checked_outside"), LambdaContext("id-1"))["checks"] == 1
    with pytest.raises(errors.CheckFailed):
        handler(by_step_functions("checked_outside", "night-2"), LambdaContext("id-2"))
    assert visits() == [("outside", 2)]


@pytest.fixture
def planted(
    visits: Visits, database: str, monkeypatch: pytest.MonkeyPatch, changed: Callable[..., str]
) -> Iterator[str]:
    """A password that is easy to recognise, with which the database is reached."""
    role = f"role_{os.urandom(6).hex()}"
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(f"create role {role} superuser login password 'Pl4nted-s3cret'")
    monkeypatch.setenv("DATABASE_URL", changed(database, user=role, password="Pl4nted-s3cret"))
    yield "Pl4nted-s3cret"
    close_all()
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(f"drop owned by {role}; drop role {role}")


@pytest.mark.parametrize("how", ["raise", "conninfo"])
def test_an_error_of_the_task_tells_no_password(planted: str, how: str) -> None:
    with pytest.raises(Exception, match=r"\*\*\*") as raised:
        handler(by_step_functions("tells", text=how), LambdaContext("id-1"))
    assert raised.type.__name__ == ("MyOwnError" if how == "raise" else "SqlError")
    assert planted not in str(raised.value)


def test_a_receipt_tells_no_password(planted: str, database: str) -> None:
    receipt = handler(by_step_functions("tells"), LambdaContext("id-1"))
    assert ":***@" in receipt["result"]["url"]
    with psycopg.connect(database) as connection:
        [(stored,)] = connection.execute("select receipt::text from stepwell.receipt").fetchall()
    assert planted not in stored
    assert ":***@" in stored


def test_validation_tells_the_databases_version(visits: Visits) -> None:
    receipt = handler(by_step_functions("validate_config"), LambdaContext("id-1"))
    assert receipt["rows"] == 0
    assert receipt["database"].startswith("PostgreSQL ")


def test_validation_tells_everything_that_is_missing(folder: Path) -> None:
    (folder / "insert.sql").unlink()
    with pytest.raises(errors.ConfigurationError) as raised:
        handler({"action": "validate_config"}, LambdaContext("id-1"))
    assert "needs the SQL file insert.sql, which does not exist" in raised.value.message
    assert "DATABASE_URL is not set; pipeline 'visits' (its database) needs it" in raised.value.message


def test_validation_refuses_a_database_that_does_not_answer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:secret@127.0.0.1:1/nowhere")
    with pytest.raises(errors.DatabaseUnavailable) as raised:
        handler({"action": "validate_config"}, LambdaContext("id-1"))
    assert "secret" not in raised.value.message


def test_a_task_without_its_setting_tells_who_needs_it(folder: Path) -> None:
    with pytest.raises(
        errors.ConfigurationError, match=r"DATABASE_URL is not set; task 'insert' \(pipeline.py:6\) needs it"
    ):
        handler({"action": "insert"}, LambdaContext("id-1"))


@pytest.mark.parametrize(
    ("event", "error", "told"),
    [
        (
            {"action": "task_9"},
            "UnknownAction",
            "unknown action 'task_9'; this pipeline knows: validate_config, insert,",
        ),
        ({}, "BadInput", "the event names no action; an event looks like {"),
        (
            {"action": "quiet", "input": {"dayz": 1}},
            "BadInput",
            "unknown parameter 'dayz' (did you mean 'days'?); known:",
        ),
        ({"action": "quiet", "input": [1]}, "BadInput", "the run's input must be a JSON object like {"),
    ],
)
def test_a_bad_event_is_answered_before_anything_is_done(folder: Path, event: Any, error: str, told: str) -> None:
    with pytest.raises(errors.StepwellError) as raised:
        handler(event, None)
    assert raised.type.__name__ == error
    assert raised.value.message.startswith(told)


def test_a_folder_without_a_pipeline_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMBDA_TASK_ROOT", str(tmp_path))
    with pytest.raises(errors.ConfigurationError, match="there is no module 'pipeline' in "):
        handler({"action": "quiet"}, None)


def test_a_task_without_a_connection_loads_neither_the_driver_nor_anything_slow(folder: Path) -> None:
    """Every module here costs milliseconds in every cold start."""
    code = (
        "import json, sys; from stepwell.handler import handler; receipt = handler({'action': 'quiet'});"
        "slow = 'psycopg inspect dataclasses logging urllib datetime difflib argparse uuid pathlib';"
        "print(json.dumps([receipt['status'], [name for name in slow.split() if name in sys.modules]]))"
    )
    environment = {**os.environ, "LAMBDA_TASK_ROOT": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run([sys.executable, "-S", "-c", code], env=environment, capture_output=True, text=True)
    assert json.loads(ran.stdout) == ["done", []], ran.stderr


def of_run(action: str, run: str, window: str = "2026-06-30") -> dict[str, Any]:
    """An event as a compiled machine sends it: of a run, for a window, from a state."""
    execution = {"Id": f"arn:{run}", "Name": run, "Input": {"stepwell": {"window": window}}}
    return {"action": action, "context": {"Execution": execution, "State": {"Name": f"Execute{action.title()}"}}}


def test_on_aws_a_run_holds_the_lease_of_its_window_from_the_first_task_to_the_last(
    visits: Callable[[], list[tuple[str, int]]], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["from stepwell import Pipeline", 'p = Pipeline("visits")', 'p.sql("insert", "insert.sql")']
    lines.append('p.load("copy", into="c", query="select 1 as n")')
    source = "\n".join(lines)
    (folder / "pipeline.py").write_text(source)
    (folder / "insert.sql").write_text("insert into visit values (1, 'sql')")
    monkeypatch.setenv("STEPWELL_PIPELINE", "pipeline:p")
    monkeypatch.setenv("AWS_EXECUTION_ENV", "AWS_Lambda_python3.13")
    for action in ("validate_config", "insert"):
        handler(of_run(action, "night"))
    for action in ("validate_config", "insert"):
        with pytest.raises(errors.RunInProgress, match="the run night on AWS"):
            handler(of_run(action, "day"))
    handler(of_run("insert", "other", window="2026-06-29"))
    handler(of_run("copy", "night"))
    handler(of_run("validate_config", "day"))


def test_on_aws_the_last_of_tasks_side_by_side_gives_the_lease_up(
    visits: Visits, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = [f'p.load("{name}", into="{name}", query="select 1 as n")' for name in "ab"]
    lines = ["from stepwell import Pipeline", 'p = Pipeline("visits")', f"p.parallel({', '.join(tasks)})"]
    (folder / "pipeline.py").write_text("\n".join(lines))
    monkeypatch.setenv("STEPWELL_PIPELINE", "pipeline:p")
    monkeypatch.setenv("AWS_EXECUTION_ENV", "AWS_Lambda_python3.13")
    handler(of_run("b", "night"))
    with pytest.raises(errors.RunInProgress, match="the run night on AWS"):
        handler(of_run("a", "day"))
    handler(of_run("a", "night"))
    handler(of_run("a", "day"))


def test_an_sql_error_in_python_is_told_with_its_place_in_the_project(
    visits: Callable[[], list[tuple[str, int]]], folder: Path
) -> None:
    source = """
import helper
from stepwell import Chunks, Pipeline, env

pipeline = Pipeline("p", database=env("DATABASE_URL"))


@pipeline.task
def plain(connection):
    helper.divide(connection)


@pipeline.task(chunks=Chunks("visit", by="n"))
def parts(connection, chunk):
    helper.divide(connection)
"""
    (folder / "pipeline.py").write_text(source)
    (folder / "helper.py").write_text("def divide(connection):\n    connection.execute('select 1 / 0')\n")
    for action in ("plain", "parts"):
        with pytest.raises(errors.DataError, match=r"^helper.py:2: division by zero"):
            handler({"action": action})


def test_on_aws_the_log_tells_run_task_lane_and_retry_first(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    context = {"Execution": {"Id": "arn:aws:states:eu-west-1:1:execution:visits:night"}, "State": {"RetryCount": 1}}
    asked = {"action": "unknown", "context": context}
    for more in ({}, {"phase": "lane", "lane": 0, "number": 3}):
        with pytest.raises(errors.StepwellError):
            lambda_handler(asked | more)
    said = [
        line.removeprefix("STEPWELL arn:aws:states:eu-west-1:1:execution:visits:night ")
        for line in capsys.readouterr().out.splitlines()
    ]
    assert said == ["unknown retry 1", "unknown lane 0 retry 1"]
