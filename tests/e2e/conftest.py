"""The whole product from outside: the installed command, a real PostgreSQL, a copy of a project to work on."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "visits"
COMMAND = str(Path(sys.executable).with_name("stepwell"))


class Project:
    """A folder with a pipeline, and the commands that are run in it."""

    def __init__(self, folder: Path, database: str | None) -> None:
        self.folder = folder
        self.environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "STEPWELL_HOME")}
        if database is not None:
            self.environment["DATABASE_URL"] = database
        self.database = database

    def __call__(self, *words: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run `stepwell …` here; `code` is the exit code that is expected."""
        done = subprocess.run(
            [COMMAND, *words], cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=300
        )
        if code is not None:
            assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [COMMAND, *words],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def json(self, *words: str, code: int | None = 0) -> dict:
        return json.loads(self(*words, "--json", code=code).stdout)

    def events(self, run: str | None = None) -> list[dict]:
        return self.json("show", *([run] if run else []))["events"]

    def python(self, *words: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *words], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def sql(self, statement: str) -> list[tuple]:
        with psycopg.connect(self.database or "", autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


def called(events: list[dict]) -> list[str]:
    """The actions that were invoked, in order."""
    scheduled = [event.get("lambdaFunctionScheduledEventDetails") for event in events]
    return [json.loads(details["input"])["action"] for details in scheduled if details]


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Project]:
    """`project(source)` makes a project whose pipeline.py is that text; no database unless one is given."""

    def make(source: str, database: str | None = None) -> Project:
        made = Project(tmp_path / "project", database)
        made.write("pipeline.py", source)
        return made

    return make


@pytest.fixture
def visits(tmp_path: Path, database: str) -> Project:
    """A copy of the example on a database of its own, with its data."""
    folder = tmp_path / "visits"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".stepwell", "__pycache__"))
    made = Project(folder, database)
    made.python("data.py", "generate")
    return made
