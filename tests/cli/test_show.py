import json
from datetime import datetime
from typing import Any


def test_a_run_is_told_state_by_state(ran: Any) -> None:
    lines = ran.said("show", "good").splitlines()
    assert lines[:3] == ["run       good", "pipeline  coffee", "status    succeeded"]
    assert [line.split()[1] for line in lines[5:]] == [
        "StartOrResume",
        "validate_config",
        "task_01",
        "task_02",
        "PipelineSuccess",
    ]
    assert lines[7].endswith("2 rows")


def test_a_failed_run_tells_its_attempts_and_ends_with_the_failure_card(ran: Any) -> None:
    lines = ran.said("show").splitlines()
    assert 'input     {"cups": 6}' in lines
    assert sum("Empty: no more beans" in line for line in lines) == 2
    headline = lines.index("task_02 failed in run bad")
    assert lines[headline + 1 : headline + 3] == ["  error  Empty (after 2 attempts)", "  why    no more beans"]
    assert lines[headline + 3].endswith("pipeline.py:17")
    assert lines[-1] == "  next   stepwell resume bad"


def test_as_json_it_is_the_answer_of_get_execution_history(ran: Any) -> None:
    answer = ran.json("show", "good", "--json")
    assert list(answer) == ["events"]
    first, *_, last = answer["events"]
    assert (first["id"], first["previousEventId"], first["type"]) == (1, 0, "ExecutionStarted")
    assert first["executionStartedEventDetails"]["inputDetails"] == {"truncated": False}
    assert last["type"] == "ExecutionSucceeded"
    assert json.loads(last["executionSucceededEventDetails"]["output"])["task_01"]["rows"] == 2
    assert datetime.fromisoformat(first["timestamp"]).utcoffset() is not None


def test_all_events_are_listed_in_order(ran: Any) -> None:
    events = ran.json("show", "good", "--json")["events"]
    head, *lines = ran.said("show", "good", "--events").splitlines()
    assert head.split() == ["ID", "AFTER", "SECONDS", "TYPE"]
    assert [line.split()[3] for line in lines] == [event["type"] for event in events]


def test_the_beginning_of_a_name_and_an_arn_name_a_run_too(ran: Any) -> None:
    arn = ran.json("runs", "--json")[0]["executionArn"]
    assert ran.said("show", "go").startswith("run       good\n")
    assert ran.said("show", arn).startswith("run       bad\n")


def test_a_run_that_there_is_not_is_refused(ran: Any) -> None:
    done = ran.run("show", "ugly")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: there is no run 'ugly' here; `stepwell runs` lists them\n"


def test_without_runs_there_is_nothing_to_show(empty: Any) -> None:
    done = empty.run("show")
    assert (done.returncode, list(empty.folder.iterdir())) == (2, [])
    assert done.stderr == "error: there are no runs here yet: `stepwell run` starts one\n"
