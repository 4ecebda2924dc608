"""A folder with a pipeline of one task in chunks, which counts in each row of `item` how often it was worked on."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.common import VENV_BIN

COUNTING = """
from stepwell import Chunks, Pipeline

pipeline = Pipeline("counting")


@pipeline.task(timeout={timeout}, chunks=Chunks("item", by="id", rows={rows}, parallel={lanes}))
def task_01(connection, chunk):
    where = chunk.sql()
    if {sleeps}:
        connection.execute(f"select pg_sleep(sum(seconds)) from item where {{where}}", chunk.params)
    return connection.execute(f"update item set v = v + 1 where {{where}}", chunk.params).rowcount
"""


class Project:
    """The folder, the commands that are run in it, and what the database says afterwards."""

    def __init__(
        self,
        folder: Path,
        url: str,
        lanes: int,
        rows: int,
        timeout: int = 900,
        sleeps: bool = False,
        through: str | None = None,
    ) -> None:
        """`through` is the URL by which the functions reach the database, if it is another one."""
        folder.mkdir(exist_ok=True)
        source = COUNTING.format(rows=rows, lanes=lanes, timeout=timeout, sleeps=sleeps)
        (folder / "pipeline.py").write_text(source)
        self.folder, self.url = folder, url
        self.environment = {**os.environ, "DATABASE_URL": through or url}
        self.environment.pop("STEPWELL_PROGRESS", None)

    def start(self, *words: str) -> subprocess.Popen[str]:
        command = [str(VENV_BIN / "stepwell"), *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdout=pipe, stderr=subprocess.STDOUT, text=True
        )

    def __call__(self, *words: str, code: int | None = 0) -> str:
        """What the command prints; the benchmark ends if it does not end with that code."""
        process = self.start(*words)
        told, _ = process.communicate()
        if code is not None and process.returncode != code:
            raise SystemExit(f"stepwell {' '.join(words)} ended with {process.returncode}:\n{told}")
        return told

    def handle(self, event: dict[str, Any], run: str, **environment: str) -> subprocess.Popen[str]:
        """The function's handler in a process of its own, as anybody might invoke it; prints receipt and seconds."""
        event = {"action": "task_01", "context": {"Execution": {"Id": run, "Name": run, "Input": {}}}, **event}
        command = [sys.executable, "-c", _HANDLE, json.dumps(event)]
        pipe = subprocess.PIPE
        environment = {**self.environment, **environment}
        return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=pipe, stderr=pipe, text=True)

    def handled(self, event: dict[str, Any], run: str, **environment: str) -> tuple[dict[str, Any], float]:
        told, error = self.handle(event, run, **environment).communicate()
        if error:
            raise SystemExit(error)
        receipt, seconds = told.splitlines()[-2:]
        return json.loads(receipt), float(seconds)

    def ask(self, query: str) -> Any:
        """The one value that the query gives, if it gives any."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(query)
            row = cursor.fetchone() if cursor.description else None
            return row and row[0]

    def make_items(self, rows: int, seconds: str = "0") -> None:
        """`seconds` is an expression of `id`: what a row takes."""
        self.ask("drop table if exists item")
        columns = f"id, ({seconds})::float8 as seconds, 0 as v"
        self.ask(f"create table item as select {columns} from generate_series(0, {rows - 1}) numbers(id)")
        self.ask("alter table item add primary key (id)")
        self.ask("vacuum analyze item")


_HANDLE = """
import json, sys, time
from stepwell.handler import handler
begun = time.perf_counter()
told = handler(json.loads(sys.argv[1]))
print(json.dumps(told))
print(time.perf_counter() - begun)
"""
