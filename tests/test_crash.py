"""The engine is killed before and after every commit that it makes, and goes on from there.

A task whose result is on disk is never called again; one whose result is not may be, once more (its Retry decides).
"""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PIPELINE = """
from stepwell import Pipeline, Retry

pipeline = Pipeline("crash")

def effect(name):
    with open("effects", "a") as file:
        file.write(name + "\\n")
    return {"name": name}

@pipeline.task(retry=Retry(interval=1))
def task_01():
    return effect("one")

@pipeline.task(retry=Retry(interval=1))
def task_02():
    return effect("two")

@pipeline.task(retry=Retry(interval=1))
def task_03():
    return effect("three")

pipeline.parallel(task_02, task_03)
"""

DEADLY = """
import os, signal, sys
from contextlib import contextmanager
from stepwell.journal.store import Store

moment, number = sys.argv[1], int(sys.argv[2])
whole, count = Store.transaction, 0

@contextmanager
def deadly(self):
    global count
    count += 1
    if (moment, count) == ("before", number):
        os.kill(os.getpid(), signal.SIGKILL)
    with whole(self) as db:
        yield db
    if (moment, count) == ("after", number):
        os.kill(os.getpid(), signal.SIGKILL)

Store.transaction = deadly
from stepwell.cli.main import main
main(["run", "--name", "night"])
"""


def stepwell(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stepwell.cli.main", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def results(events: list[dict]) -> list[str]:
    """The names in the results that are on disk."""
    found = []
    for event in events:
        if event["type"] == "LambdaFunctionSucceeded":
            receipt = json.loads(event["lambdaFunctionSucceededEventDetails"]["output"])
            found += [receipt["result"]["name"]] if "result" in receipt else []
    return found


@pytest.mark.parametrize("number", range(1, 17))
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_run_goes_on_from_any_commit(tmp_path: Path, moment: str, number: int) -> None:
    (tmp_path / "pipeline.py").write_text(PIPELINE)
    killed = subprocess.run([sys.executable, "-c", DEADLY, moment, str(number)], cwd=tmp_path, capture_output=True)
    assert killed.returncode in (-signal.SIGKILL, 0)
    shown = stepwell(tmp_path, "show", "night", "--json")
    if shown.returncode:  # it died before the run was on disk
        done = stepwell(tmp_path, "run", "--name", "night")
        on_disk: list[str] = []
    else:
        on_disk = results(json.loads(shown.stdout)["events"])
        done = stepwell(tmp_path, "resume", "night")
    assert done.returncode == 0, done.stdout + done.stderr
    events = json.loads(stepwell(tmp_path, "show", "night", "--json").stdout)["events"]
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "ExecutionSucceeded"
    assert sorted(results(events)) == ["one", "three", "two"]
    effects = (tmp_path / "effects").read_text().split()
    for name in ("one", "two", "three"):
        assert effects.count(name) in ((1,) if name in on_disk else (1, 2))
