"""kill -9 at any moment loses nothing: the run goes on, nothing on disk is done again, the result is the same."""

import json
import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.conftest import Project, called
from tests.until import until

EXPECTED = "99131978fd879146994239eb7d16bc0e"
MOMENTS = [random.Random(seed).uniform(0.05, 0.75) for seed in range(10)]


def slowed(visits: Project) -> None:
    """Give a kill some time to hit: task_02 takes a moment longer, in its transaction."""
    file = visits.folder / "sql" / "task_02.sql"
    file.write_text("select pg_sleep(0.25);\n" + file.read_text() + ";\nselect pg_sleep(0.1);\n")


def children_of(pid: int) -> list[int]:
    """The function processes of an engine."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def kill(pid: int) -> None:
    """It may have ended in this very moment."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def succeeded_calls(events: list[dict]) -> list[str]:
    """The actions whose result is in the history."""
    scheduled = [e["id"] for e in events if e["type"] == "LambdaFunctionScheduled"]
    inputs = dict(zip(scheduled, called(events), strict=True))
    back = {e["id"]: e["previousEventId"] for e in events}
    return [inputs[back[back[e["id"]]]] for e in events if e["type"] == "LambdaFunctionSucceeded"]


def check(visits: Project, before: list[str]) -> None:
    """The end of the run, and that what was on disk before the kill was not called again."""
    events = visits.events("night")
    done = succeeded_calls(events)
    assert done == ["validate_config", "task_01", "task_02"]
    assert [e["id"] for e in events] == list(range(1, len(events) + 1))
    calls = called(events)
    for action in before:
        assert calls.count(action) == 1
    assert EXPECTED in visits.python("data.py", "verify").stdout
    assert visits.sql("select count(*) from stepwell.receipt where run = 'night'") == [(2,)]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_engine_is_resumed(visits: Project, moment: float) -> None:
    slowed(visits)
    engine = visits.start("run", "--name", "night")
    time.sleep(moment)
    engine.send_signal(signal.SIGKILL)
    engine.communicate()
    shown = visits("show", "night", "--json", code=None)
    if shown.returncode:  # killed before the run was on disk
        visits("run", "--name", "night")
        return check(visits, [])
    events = json.loads(shown.stdout)["events"]
    visits("resume", "night")
    return check(visits, succeeded_calls(events))


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_function_is_called_again_by_its_retry(visits: Project, moment: float) -> None:
    slowed(visits)
    engine = visits.start("run", "--name", "night")
    time.sleep(moment)
    for pid in children_of(engine.pid):
        kill(pid)
    engine.communicate(timeout=60)
    assert engine.returncode in (0, 1)
    if engine.returncode:
        visits("resume", "night")
    check(visits, [])


def test_what_was_committed_but_not_reported_is_answered_from_its_receipt(visits: Project) -> None:
    """The engine dies between the task's commit and the saving of its result."""
    with (visits.folder / "pipeline.py").open("a") as pipeline:
        pipeline.write(_KILLS_ITS_ENGINE)
    visits.environment["KILL_ENGINE_AFTER"] = "task_02"
    engine = visits.start("run", "--name", "night")
    engine.communicate(timeout=60)
    assert engine.returncode == -signal.SIGKILL
    assert visits.sql("select count(*) from stepwell.receipt where task = 'task_02'") == [(1,)]
    del visits.environment["KILL_ENGINE_AFTER"]
    visits("resume", "night")
    outputs = [
        json.loads(e["lambdaFunctionSucceededEventDetails"]["output"])
        for e in visits.events("night")
        if e["type"] == "LambdaFunctionSucceeded"
    ]
    assert [output.get("repeated", False) for output in outputs if output["task"] == "task_02"] == [True]
    assert visits.sql("select max(number) from stepwell.attempt where task = 'task_02'") == [(1,)]


_KILLS_ITS_ENGINE = """
import os

if os.environ.get("KILL_ENGINE_AFTER") and "AWS_LAMBDA_RUNTIME_API" in os.environ:
    from stepwell.etl import fence

    whole = fence.run_fenced

    def deadly(url, key, *rest):
        receipt = whole(url, key, *rest)
        if key.task == os.environ["KILL_ENGINE_AFTER"]:
            os.kill(os.getppid(), 9)
        return receipt

    fence.run_fenced = deadly
"""


def test_a_run_in_a_living_process_is_not_taken_over(visits: Project) -> None:
    visits.write("sql/task_02.sql", "select pg_sleep(60);")
    engine = visits.start("run", "--name", "night")
    try:
        until(lambda: visits("show", "night", code=None).returncode == 0, "the run is on disk")
        assert "is under way in process" in visits("resume", "night", code=2).stderr
    finally:
        engine.send_signal(signal.SIGINT)
        out, _ = engine.communicate(timeout=60)
    assert engine.returncode == 130
    assert "stepwell resume night" in out


def shown(visits: Project) -> str:
    return visits("show", "night", "--json", code=None).stdout.replace("\\", "")


def test_ctrl_c_stops_the_task_and_the_run_goes_on_where_it_was(visits: Project) -> None:
    file = visits.folder / "sql" / "task_02.sql"
    whole = file.read_text()
    file.write_text("select pg_sleep(60);\n" + whole)
    engine = visits.start("run", "--name", "night")
    until(lambda: '"action":"task_02"' in shown(visits), "task_02 is called")
    engine.send_signal(signal.SIGINT)
    engine.communicate(timeout=60)
    assert engine.returncode == 130
    file.write_text(whole)
    visits("resume", "night")
    events = visits.events("night")
    assert "ExecutionRedriven" in [e["type"] for e in events]
    assert succeeded_calls(events) == ["validate_config", "task_01", "task_02"]
    assert EXPECTED in visits.python("data.py", "verify").stdout
