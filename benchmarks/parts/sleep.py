"""A minute of work in chunks, some of them 20 times slower, by a function that has 5 seconds for an invocation."""

import json
import time
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.parts.dataset import new_database, server
from benchmarks.parts.measured import Goal, Measured, turns
from benchmarks.parts.project import Project

TIMEOUT, LANES, CHUNK = 5, 5, 10
# Each eleventh chunk takes 2 s, the others 0.1 s: 220 chunks are a minute.
SECONDS = f"case when id / {CHUNK} % 11 = 5 then 0.2 else 0.01 end"
KILLED = ("LambdaFunctionTimedOut", "TaskTimedOut", "LambdaFunctionFailed", "TaskFailed")


def measure(rows: int, runs: int) -> Measured:
    numbers = count()
    with server() as admin, TemporaryDirectory() as folder:
        project = Project(Path(folder), new_database(admin, "sleep"), LANES, CHUNK, TIMEOUT, sleeps=True)
        seen: list[dict[str, float]] = []

        def run() -> float:
            project.make_items(rows, SECONDS)
            name = f"night-{next(numbers)}"
            begun = time.perf_counter()
            project("run", "--name", name)
            seconds = time.perf_counter() - begun
            seen.append(_seen(project, name))
            return seconds

        times = turns({f"stepwell run, {LANES} lanes": run}, runs, warm_up=False)
    return Measured(f"{seen[0]['work']:.0f} s of work in chunks, function timeout {TIMEOUT} s", times, _goals(seen))


def _seen(project: Project, name: str) -> dict[str, float]:
    events = json.loads(project("show", name, "--json"))["events"]
    calls = [event.get("lambdaFunctionScheduledEventDetails") for event in events]
    lanes = [call for call in map(_input, calls) if call.get("phase") == "lane"]
    return {
        "work": project.ask("select sum(seconds) from item"),
        "invocations": len(lanes),
        "killed": sum(event["type"] in KILLED for event in events),
        "chunks": project.ask(f"select count(*) from stepwell.chunk where run = '{name}'"),
        "wrong": project.ask("select count(*) from item where v <> 1"),
        "again": project.ask(f"select count(*) from stepwell.chunk where run = '{name}' and attempts <> 1"),
    }


def _input(details: dict[str, Any] | None) -> dict[str, Any]:
    return json.loads(details["input"]) if details else {}


def _goals(seen: list[dict[str, float]]) -> list[Goal]:
    return [
        Goal("chunks", seen[0]["chunks"], unit=""),
        Goal("invocations of lanes, at least", min(each["invocations"] for each in seen), least=12, unit=""),
        Goal("invocations killed by their timeout, or failed", sum(each["killed"] for each in seen), most=0, unit=""),
        Goal("rows not worked on exactly once", sum(each["wrong"] for each in seen), most=0, unit=""),
        Goal("chunks that were tried more than once", sum(each["again"] for each in seen), unit=""),
    ]
