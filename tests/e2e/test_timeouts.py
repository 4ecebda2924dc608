"""A task past its timeout is ended for real, tried again with backoff, and leaves nothing behind."""

import json
from collections.abc import Callable
from datetime import datetime

from tests.e2e.conftest import Project
from tests.until import until

SOURCE = """
import signal, time
from stepwell import Pipeline, Retry

pipeline = Pipeline("slow")

@pipeline.task(timeout=2, retry=Retry(max_attempts=2, interval=1, backoff=2))
def task_01(connection):
    connection.execute("insert into effects values (1)")
    {stubborn}
    time.sleep(60)
"""
STUBBORN = "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])"


def check(made: Project, failed: str, error: str) -> None:
    events = made.events()
    calls = [
        e for e in events if e["type"] == "LambdaFunctionScheduled" and '"task_01"' in json.dumps(e).replace("\\", "")
    ]
    ends = [e for e in events if e["type"] == failed]
    assert (len(calls), len(ends)) == (3, 3)
    assert [call["previousEventId"] for call in calls[1:]] == [end["id"] for end in ends[:2]]
    assert all(_between(ends[n], calls[n + 1]) >= wait for n, wait in enumerate((1, 2)))  # the backoff
    assert events[-2]["stateEnteredEventDetails"]["name"] == "ExecuteTask01TimedOut"
    assert events[-1]["executionFailedEventDetails"]["error"] == error
    assert made.sql("select count(*) from effects") == [(0,)]
    sessions = "select count(*) from pg_stat_activity where datname = current_database() "
    theirs = f"{sessions}and application_name like 'stepwell slow%'"
    until(lambda: made.sql(theirs) == [(0,)], "no session is left")


def _between(first: dict, second: dict) -> float:
    begin, end = (datetime.fromisoformat(event["timestamp"]) for event in (first, second))
    return (end - begin).total_seconds()


def test_a_task_that_sleeps_past_its_timeout_is_interrupted_before_it(
    project: Callable[..., Project], database: str
) -> None:
    """The handler's own deadline comes first, so the task can still say what it was doing."""
    made = project(SOURCE.format(stubborn=""), database)
    made.sql("create table effects (n int)")
    out = made("run", code=1).stdout
    assert "again in 1.0 s" in out
    assert "again in 2.0 s" in out
    check(made, "LambdaFunctionFailed", "DeadlineExceeded")


def test_a_task_that_cannot_be_interrupted_is_killed(project: Callable[..., Project], database: str) -> None:
    made = project(SOURCE.format(stubborn=STUBBORN), database)
    made.sql("create table effects (n int)")
    made("run", code=1)
    check(made, "LambdaFunctionTimedOut", "States.Timeout")


def test_a_statement_past_the_deadline_is_cancelled_on_the_server(
    project: Callable[..., Project], database: str
) -> None:
    made = project(
        "from stepwell import Pipeline, Retry\npipeline = Pipeline('slow')\n"
        "pipeline.sql('task_01', 'task_01.sql', timeout=2, retry=Retry(max_attempts=0))\n",
        database,
    )
    made.write("task_01.sql", "create table effects (n int);\nselect pg_sleep(60);\n")
    out = made("run", code=1).stdout
    assert "task_01.sql:2" in out
    assert "DeadlineExceeded" in out
    assert made.sql("select to_regclass('effects')") == [(None,)]
