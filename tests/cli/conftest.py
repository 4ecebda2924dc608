"""A project in a folder of its own, and the stepwell command in it, as a process."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stepwell import postgres
from tests.api.served import Served

KEYS = {"AWS_ACCESS_KEY_ID": "stepwell", "AWS_SECRET_ACCESS_KEY": "stepwell", "AWS_DEFAULT_REGION": "us-east-1"}

COMMAND = [sys.executable, "-m", "stepwell.cli.main"]
PIPELINE = """
from stepwell import Pipeline, Retry

pipeline = Pipeline("coffee", params={"cups": 2})


@pipeline.task
def task_01(context):
    print("grinding for", context.params["cups"])
    return {"rows": context.params["cups"]}


@pipeline.task(retry=Retry(max_attempts=1, interval=1, on=["Empty"]))
def task_02(context):
    print("brewing")
    if context.params["cups"] > 5:
        raise Empty("no more beans")


class Empty(Exception):
    pass
"""


class Project:
    """`run("runs", "--json")` is the command's result, `started(…)` a process that goes on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "STEPWELL_HOME")}

    def write(self, name: str, text: str) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text)

    def run(self, *arguments: str, given: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment | variables,
            input=given,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def started(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *arguments], cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, text=True
        )

    def said(self, *arguments: str, **variables: str) -> str:
        """What a command that succeeds prints."""
        done = self.run(*arguments, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.said(*arguments))

    def wait_for(self, file: str) -> None:
        """Until a task has made this file."""
        until = time.monotonic() + 60
        while not (self.folder / file).exists():
            assert time.monotonic() < until, f"{file} did not appear"
            time.sleep(0.01)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Project]:
    """A folder without a pipeline."""
    yield Project(tmp_path)
    if (tmp_path / ".stepwell").exists():
        postgres.stop(tmp_path / ".stepwell")


@pytest.fixture
def project(empty: Project) -> Project:
    """A folder with the pipeline `coffee`: two tasks in Python, of which the second fails for more than five cups."""
    empty.write("pipeline.py", PIPELINE)
    return empty


@pytest.fixture
def ran(project: Project) -> Project:
    """The same, after the run `good` has succeeded and then the run `bad` has failed in its second attempt."""
    project.said("run", "--name", "good")
    assert project.run("run", "--name", "bad", "--input", '{"cups": 6}').returncode == 1
    return project


@pytest.fixture
def there(ran: Project):
    """A folder with runs, and the options by which its history is reached over boto3 alone, as on AWS."""
    ran.environment |= KEYS
    served = Served(ran.folder)
    yield ran, ["--on", "aws", "--endpoint-url", served.url]
    served.end()
