import json
from collections.abc import Callable
from typing import Any

import pytest

from stepwell.insight.failure import Card, card, kind_of
from stepwell.insight.story import story

Build = Callable[[list[tuple[Any, ...]]], list[dict[str, Any]]]
TRACE = ['  File "/srv/visits/pipeline.py", line 12, in task_02\n    raise Empty\n']


def lambda_cause(message: str, trace: list[str] | None = None) -> str:
    return json.dumps({"errorMessage": message, "errorType": "X", "requestId": "1", "stackTrace": trace or []})


def failed(error: str, cause: str | None, said: str) -> list[tuple[Any, ...]]:
    """task_01 is done, task_02 fails twice; `said` is the cause of the Fail state that it ends in."""
    blame = {"error": error} | ({} if cause is None else {"cause": cause})
    type_ = "LambdaFunctionTimedOut" if cause is None else "LambdaFunctionFailed"
    return [
        ("ExecutionStarted", 0, {"input": "{}"}),
        ("TaskStateEntered", 0, {"name": "ExecuteTask01"}),
        ("LambdaFunctionScheduled", 2, {"input": '{"action": "task_01"}'}),
        ("LambdaFunctionSucceeded", 3, {"output": '{"rows": 7}'}),
        ("TaskStateExited", 4, {"name": "ExecuteTask01"}),
        ("TaskStateEntered", 5, {"name": "ExecuteTask02"}),
        ("LambdaFunctionScheduled", 6, {"input": '{"action": "task_02"}'}),
        (type_, 7, blame),
        ("LambdaFunctionScheduled", 8, {"input": '{"action": "task_02"}'}),
        (type_, 9, blame),
        ("TaskStateExited", 10, {"name": "ExecuteTask02"}),
        ("FailStateEntered", 11, {"name": "ExecuteTask02Failed"}),
        ("ExecutionFailed", 12, {"error": error, "cause": said}),
    ]


def of(build: Build, *arguments: Any) -> Card:
    return card(story(build(failed(*arguments))), "run-1")


def test_the_card_says_what_why_what_is_safe_and_what_to_do(history: Build) -> None:
    cause = lambda_cause('sql/task_02.sql:3: relation "nothere" does not exist\nSQLSTATE 42P01')
    said = f"task_02 failed. {cause} Its transaction was rolled back. When it is put right: stepwell resume run-1"
    assert of(history, "SqlError", cause, said).lines() == [
        "task_02 failed in run run-1",
        "  error  SqlError, SQLSTATE 42P01 (after 2 attempts)",
        "  cause  There is no table or view nothere in this database, or not on the search path.",
        '  why    sql/task_02.sql:3: relation "nothere" does not exist',
        "         SQLSTATE 42P01",
        "  do     Create it, write its schema in front of its name, or see whether the URL names the right database.",
        "  safe   Its transaction was rolled back.",
        "         task_01 is done and will not run again.",
        "  next   stepwell resume run-1",
    ]


def test_the_place_is_the_one_that_the_message_names(history: Build) -> None:
    found = of(history, "SqlError", lambda_cause("sql/task_02.sql:3: no such table", TRACE), "")
    assert (found.state, found.where) == ("ExecuteTask02", "sql/task_02.sql:3")


def test_else_it_is_the_last_line_of_the_users_code_in_the_traceback(history: Build) -> None:
    library = '  File "/usr/lib/python3/site-packages/lib/core.py", line 4, in call\n'
    found = of(history, "KeyError", lambda_cause("'visits'", [*TRACE, library]), "")
    assert found.where == "/srv/visits/pipeline.py:12"
    assert "  where  /srv/visits/pipeline.py:12" in found.lines()


def test_a_timeout_has_no_cause_and_still_a_reason(history: Build) -> None:
    said = (
        "task_02 did not finish within its timeout of 1 seconds; the last of 2 attempts ended with States.Timeout. "
        "Its transaction was rolled back. When it is put right: stepwell resume run-1"
    )
    found = of(history, "States.Timeout", None, said)
    assert (found.kind, found.error) == ("timeout", "States.Timeout")
    assert found.message == "Step Functions ended it when its TimeoutSeconds were over."
    assert found.safe[0] == "Its transaction was rolled back."


def test_a_place_in_a_traceback_is_relative_to_the_functions_code(history: Build) -> None:
    said = '{"errorMessage": "no", "stackTrace": ["  File \\"/var/task/helper.py\\", line 3, in work\\n    raise"]}'
    for code, where in (("/var/task", "helper.py:3"), ("/home/me", "/var/task/helper.py:3")):
        assert card(story(history(failed("Busy", said, ""))), "run-1", code=code).where == where


def test_what_no_task_has_caused_is_told_in_the_words_of_the_execution(history: Build) -> None:
    events = [
        ("ExecutionStarted", 0, {"input": "{}"}),
        ("ChoiceStateEntered", 0, {"name": "StartOrResume"}),
        ("ExecutionFailed", 2, {"error": "States.Runtime", "cause": "Invalid path '$.x'"}),
    ]
    found = card(story(history(events)), "run-1")
    assert (found.what, found.error, found.message) == (
        "StartOrResume failed in run run-1",
        "States.Runtime",
        "Invalid path '$.x'",
    )
    assert (found.attempts, found.safe) == (0, [])


@pytest.mark.parametrize(
    ("end", "what"),
    [
        (("ExecutionAborted", 0, {"error": "Stopped", "cause": "by hand"}), "was stopped while task_02 was under way"),
        (("ExecutionTimedOut", 7, {}), "took longer than it may while task_02 was under way"),
    ],
)
def test_a_run_that_was_ended_names_the_task_under_way(history: Build, end: tuple[Any, ...], what: str) -> None:
    found = card(story(history([*failed("", "", "")[:7], end])), "run-1")
    assert found.what == f"The run run-1 {what}"
    assert found.command == "stepwell resume run-1"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("ConfigurationError", "configuration"),
        ("DatabaseUnavailable", "configuration"),
        ("Runtime.ImportModuleError", "configuration"),
        ("DeadlineExceeded", "timeout"),
        ("Sandbox.Timedout", "timeout"),
        ("DataError", "data"),
        ("SqlError", "other"),
        ("KeyError", "other"),
        ("States.ALL", "other"),
    ],
)
def test_the_kind_is_that_of_the_fail_state_that_a_pipeline_ends_in(error: str, kind: str) -> None:
    assert kind_of(error) == kind


def test_the_last_lines_of_the_log_are_told_without_the_error_itself(history: Build) -> None:
    log = ["one", "two", "", "three", "[ERROR] Busy: no", "Traceback (most recent call last):", "  File x"]
    found = card(story(history(failed("Busy", lambda_cause("no"), ""))), "run-1", log)
    assert found.log == ("one", "two", "three")
    assert "  log    one" in found.lines()


def test_lines_of_the_log_that_only_repeat_the_error_are_left_out(history: Build) -> None:
    message = "sql/a.sql:1: division by zero\nSQLSTATE 22012\nIn chunk 3 (1 … 5; 10 rows)."
    log = ["4 chunks", "chunk 3 has failed: DataError: sql/a.sql:1: division by zero", "SQLSTATE 22012"]
    assert card(story(history(failed("DataError", lambda_cause(message), ""))), "run-1", log).log == ("4 chunks",)


def test_the_chunk_that_failed_is_named(history: Build) -> None:
    message = "division by zero\nIn chunk 17 (1 … 5; 200 rows). What other chunks have done stays done."
    assert of(history, "DataError", lambda_cause(message), "").chunk == "chunk 17 (1 … 5; 200 rows)"


def test_a_place_in_the_standard_library_is_no_place(history: Build) -> None:
    trace = [
        '  File "/srv/v/pipeline.py", line 3, in a\n',
        '  File "/usr/lib/python3.11/contextlib.py", line 137, in b\n',
    ]
    assert of(history, "Busy", lambda_cause("no", trace), "").where == "/srv/v/pipeline.py:3"


def test_the_command_looks_where_the_run_is(history: Build) -> None:
    told = story(history(failed("Busy", lambda_cause("no"), "")))
    assert card(told, "run-1", flags=" --on aws").command == "stepwell resume run-1 --on aws"
