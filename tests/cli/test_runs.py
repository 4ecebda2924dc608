import signal
from typing import Any

import pytest

# Killed in its second task; the next time that is done at once.
KILLED = """
import os, pathlib, signal, time
from stepwell import Pipeline, Retry

pipeline = Pipeline("killed")

@pipeline.task
def task_01():
    pass

@pipeline.task(retry=Retry(interval=1))
def task_02():
    begun = pathlib.Path("begun")
    if not begun.exists():
        begun.touch()
        time.sleep(60)
"""
SLOW = """
import pathlib, time
from stepwell import Pipeline

pipeline = Pipeline("slow")

@pipeline.task
def task_01():
    pathlib.Path("begun").touch()
    print("asleep", flush=True)
    time.sleep(60)
"""


def columns(line: str) -> list[str]:
    return [cell for cell in line.split("  ") if cell]


def test_runs_are_listed_the_newest_first(ran: Any) -> None:
    head, bad, good = ran.said("runs").splitlines()
    assert head.split() == ["RUN", "PIPELINE", "STATUS", "STARTED", "TOOK", "TASK"]
    assert [columns(bad)[0], *bad.split()[1:3]] == ["bad", "coffee", "failed"]
    assert good.split()[:3] == ["good", "coffee", "succeeded"]
    assert (bad.split()[-1], good.split()[-1]) == ("task_02", "task_02")


def test_as_json_each_run_has_its_times_and_what_failed(ran: Any) -> None:
    bad, good = ran.json("runs", "--json")
    assert (bad["name"], bad["status"], bad["task"], bad["error"]) == ("bad", "FAILED", "task_02", "Empty")
    assert (good["pipeline"], good["error"]) == ("coffee", None)
    assert bad["seconds"] >= 1  # the retry's interval
    assert bad["started"].endswith("+00:00")
    assert bad["executionArn"].endswith(":coffee:bad")


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--status", "failed"], ["bad"]),
        (["--status", "SUCCEEDED"], ["good"]),
        (["--status", "interrupted"], []),
        (["--limit", "1"], ["bad"]),
        (["--limit", "0"], ["bad", "good"]),
        (["--pipeline", "coffee"], ["bad", "good"]),
        (["--pipeline", "tea"], []),
    ],
)
def test_runs_are_picked_by_pipeline_status_and_number(ran: Any, options: list[str], names: list[str]) -> None:
    assert [run["name"] for run in ran.json("runs", "--json", *options)] == names


def test_a_number_of_runs_below_none_is_refused(ran: Any) -> None:
    done = ran.run("runs", "--limit", "-1")
    assert (done.returncode, done.stderr) == (2, "error: --limit must be 0 (all) or more\n")


def test_statuses_have_their_colour_and_no_column_moves(ran: Any) -> None:
    plain, coloured = ran.said("runs"), ran.said("runs", FORCE_COLOR="1")
    assert "\033[31mfailed\033[0m" in coloured
    for code in ("1", "31", "32", "0"):
        coloured = coloured.replace(f"\033[{code}m", "")
    assert coloured == plain


def test_without_runs_it_says_so_and_leaves_no_trace(empty: Any) -> None:
    assert empty.said("runs") == "there are no runs here yet: `stepwell run` starts one\n"
    assert empty.json("runs", "--json") == []
    assert list(empty.folder.iterdir()) == []


def test_a_run_whose_process_was_killed_is_shown_as_interrupted(project: Any) -> None:
    project.write("pipeline.py", SLOW)
    process = project.started("run", "--name", "sleeper")
    project.wait_for("begun")
    assert project.json("runs", "--json")[0]["status"] == "RUNNING"
    process.kill()
    process.communicate()
    assert project.json("runs", "--json", "--status", "interrupted")[0]["name"] == "sleeper"
    assert "interrupted" in project.said("runs")
    shown = project.said("show")
    assert "status    interrupted" in shown
    assert shown.endswith("Its process has died. Go on where it was: stepwell resume sleeper\n")
    assert project.said("logs", "--task", "task_01", "--follow").endswith("asleep\n")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_goes_on_in_place_shows_the_task_that_it_takes_up(project: Any, number: int) -> None:
    project.write("pipeline.py", KILLED)
    process = project.started("run")
    project.wait_for("begun")
    process.send_signal(number)
    process.communicate()
    if number == signal.SIGKILL:
        again = project.run("run")
        assert again.returncode == 2
        assert "was interrupted: its process has died. Go on with it (`stepwell resume " in again.stderr
    head, task, end = project.said("resume").splitlines()
    assert head.startswith("killed goes on as ")
    assert task.split()[:2] == ["✓", "task_02"]
    assert end.startswith("succeeded in ")
