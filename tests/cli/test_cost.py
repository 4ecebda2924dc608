import json
from typing import Any

import pytest


def test_before_a_run_the_times_that_are_not_known_are_asked_for(project: Any) -> None:
    told = project.json("cost", "--json")
    assert told["kind"] == "estimate"
    assert [(task["task"], task["transitions"], task["invocations"]) for task in told["tasks"]] == [
        ("validate_config", 1, 0),
        ("task_01", 1, 0),
        ("task_02", 1, 0),
        ("between tasks", 2, 0),
    ]
    assert told["run"]["usd"] == pytest.approx(0.000125)
    assert "there is no run to go by; times not known: validate_config, task_01, task_02" in project.said("cost")


def test_a_task_that_is_assumed_to_be_long_is_told_in_its_other_ways(project: Any) -> None:
    told = project.said("cost", "--assume", "task_01=1400:2_000_000")
    assert "over Lambda's 900 s" in told
    assert [line.split()[0] for line in told.splitlines()[-3:]] == ["whole", "5", "a"]
    wrong = project.run("cost", "--assume", "task_9=1")
    assert wrong.returncode == 2
    assert "tasks: validate_config, task_01, task_02" in wrong.stderr


def test_after_a_run_it_is_what_was_used_with_its_retries(ran: Any) -> None:
    told = ran.json("cost", "--run", "bad", "--json")
    assert told["kind"] == "actual"
    by_task = {task["task"]: task for task in told["tasks"]}
    assert (by_task["task_02"]["transitions"], by_task["task_02"]["retries"]) == (2, 1)
    assert by_task["task_02"]["invocations"] == 2
    assert told["known_by"] == {"REPORT lines": 4}
    assert told["run"]["usd_expected"] >= 0.000125
    assert told["run"]["usd"] - told["run"]["usd_expected"] >= 0.999 * 0.000025  # the retry's transition
    assert "EXPECTED" in ran.said("cost", "--run", "bad")
    assert "by the last run" in ran.said("cost")
    explained = ran.said("cost", "--run", "bad", "--explain")
    assert "task_02: 2 transitions (1 of them retries), 2 invocations" in explained
    assert "Step Functions: https://aws.amazon.com/step-functions/pricing/" in explained


def test_a_run_that_was_resumed_tells_the_times_of_all_its_executions(project: Any) -> None:
    assert project.run("run", "--name", "night", "--input", '{"cups": 6}').returncode == 1
    text = (project.folder / "pipeline.py").read_text()
    project.write("pipeline.py", text.replace("> 5", "> 6"))
    project.said("resume", "night")
    told = project.json("cost", "--json")
    assert told["runs_read"] == ["night-2"]
    tasks = {task["task"]: (task["invocations"], task["rows"]) for task in told["tasks"]}
    assert tasks == {"validate_config": (1, 0), "task_01": (1, 6), "task_02": (1, 0), "between tasks": (0, None)}
    assert "not known" not in project.said("cost")


def test_old_prices_are_warned_of_and_a_file_gives_others(project: Any) -> None:
    own = {"date": "2025-01-31", "regions": {"mars-1": {"transition": "1"}}}
    project.write("own.json", json.dumps(own))
    done = project.run("cost", "--prices", "own.json", "--region", "mars-1", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["run"]["usd"] == 5
    assert "warning: the prices are of 2025-01-31" in done.stderr
    assert project.run("cost", "--prices", "none.json").returncode == 2
    assert project.run("cost", "--region", "venus-1").returncode == 2


def test_a_month_has_the_runs_of_the_schedule(project: Any) -> None:
    text = (
        (project.folder / "pipeline.py")
        .read_text()
        .replace('Pipeline("coffee",', 'Pipeline("coffee", schedule="rate(1 hour)",')
    )
    project.write("pipeline.py", text)
    month = project.json("cost", "--json")["month"]
    assert month["runs"] == 730.5
    assert {item["item"]: item["quantity"] for item in month["items"]}["schedule"] == 730.5
    assert project.json("cost", "--month", "2", "--json")["month"]["runs"] == 2


def test_the_tables_fit_into_a_terminal_of_80_columns(ran: Any) -> None:
    for words in (("cost",), ("cost", "--run", "good"), ("cost", "--assume", "task_02=1400:2000000")):
        assert max(map(len, ran.said(*words).splitlines())) <= 80
