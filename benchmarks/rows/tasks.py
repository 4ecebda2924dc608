"""Rows of tasks: a Lambda function in a process of its own, beside DBOS's steps, which have no process of their own."""

import json
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.common import cache, environment_of
from benchmarks.peers.definitions import chain, inline_map, zipped
from benchmarks.peers.servers import ROLE, Served, stepwell
from benchmarks.rows.rows import Bench, over

SEQUENCE = 300
FAN = 1_000
STEPS = 100  # of the run that is killed at half
SCRIPT = Path(__file__).parents[1] / "peers" / "dbos_steps.py"
TRIVIAL = "def handler(event, context):\n    return {'n': 1}\n"
NOTED = """
import time
def handler(event, context):
    with open(event["file"], "a") as file:
        file.write(f"{event['n']} {time.time()}\\n")
    time.sleep(0.02)
    return event | {"n": event["n"] + 1}
"""
DBOS = "DBOS on SQLite"


def function(served: Served, name: str, source: str) -> str:
    """The ARN of a function, made through the Lambda API."""
    made = served.client("lambda").create_function(
        FunctionName=name, Runtime="python3.11", Role=ROLE, Handler="f.handler", Code={"ZipFile": zipped(source)}
    )
    return str(made["FunctionArn"])


def task(bench: Bench) -> None:
    """Tasks in sequence, warm: from the start of the execution to its end, per task."""
    ours = bench.ours
    resource = function(ours, "trivial", TRIVIAL)
    machine = ours.machine("tasks", chain(SEQUENCE, Type="Task", Resource=resource))

    def once() -> float:
        begun = time.perf_counter()
        ours.run(machine)
        return (time.perf_counter() - begun) / SEQUENCE * 1000

    contenders: dict[str, Callable[[], float]] = {"stepwell": once}
    if bench.chosen.peers:
        contenders[DBOS] = lambda: _dbos(bench, "seq", SEQUENCE)["seconds"] / SEQUENCE * 1000
    found = bench.turns("one warm task", "ms", contenders)
    bench.at_most(f"one warm task / a step of {DBOS}", over(found, "stepwell", DBOS), 0.8)


def fan(bench: Bench) -> None:
    """1,000 trivial tasks, five at a time; and the most memory of the engine and its processes together."""
    ours = Served(stepwell(), bench.folder / "fan").start()  # its memory is this work's alone, as DBOS's is
    resource = function(ours, "fanned", TRIVIAL)
    machine = ours.machine("fan", inline_map(5, Type="Task", Resource=resource))
    memory: dict[str, list[float]] = {"stepwell": [], DBOS: []}

    def once() -> float:
        begun = time.perf_counter()
        with _Peak(ours) as peak:
            ours.run(machine, {"items": list(range(FAN))}, poll=0.02)
        memory["stepwell"].append(peak.most)
        return FAN / (time.perf_counter() - begun)

    def dbos() -> float:
        told = _dbos(bench, "fan", FAN)
        memory[DBOS].append(told["peak"])
        return float(FAN / told["seconds"])

    found = bench.turns(
        "1,000 tasks, 5 at a time", "tasks/s", {"stepwell": once} | ({DBOS: dbos} if bench.chosen.peers else {})
    )
    ours.end()
    most = {}
    for name in found:
        bench.note("… memory at most, all processes", name, "MB", memory[name][1:])
        most[name] = bench.rows[-1].median
    bench.at_least(f"1,000 tasks, 5 at a time / {DBOS}", over(found, "stepwell", DBOS), 1.4)
    bench.at_most(f"… memory / {DBOS}", over(most, "stepwell", DBOS), 1.5)


class _Peak:
    """Looks at the memory of an engine and all its processes every 20 ms."""

    def __init__(self, served: Served) -> None:
        self.most = 0.0
        self._served, self._over = served, threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._over.wait(0.05):
            self.most = max(self.most, self._served.memory_of_all())

    def __enter__(self) -> "_Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def crash(bench: Bench) -> None:
    """SIGKILL at half of 100 tasks: from the restart until the next task starts, nobody having asked for it."""
    contenders: dict[str, Callable[[], float]] = {"stepwell": lambda: _killed(bench.folder / "crash")}
    if bench.chosen.peers:
        contenders[DBOS] = lambda: _dbos_killed(bench)
    found = bench.turns("restart to next task", "s", contenders)
    bench.at_most("restart to next task, s", found["stepwell"], 0.5)


def _killed(folder: Path) -> float:
    shutil.rmtree(folder, ignore_errors=True)
    served, file = Served(stepwell(), folder).start(), folder / "noted"
    again = [{"ErrorEquals": ["Lambda.Unknown"], "IntervalSeconds": 1, "MaxAttempts": 3}]
    states: dict[str, Any] = {"Type": "Task", "Resource": function(served, "noted", NOTED), "Retry": again}
    machine = served.machine("m", chain(STEPS, **states))
    served.started(machine, {"file": str(file), "n": 0})
    before = _half(file)
    served.end(signal.SIGKILL)
    time.sleep(0.1)  # for what dies with it
    begun, before = time.time(), len(_lines(file))
    served.start()
    seconds = _next(file, before) - begun
    served.end(signal.SIGKILL)
    return seconds


def _dbos_killed(bench: Bench) -> float:
    folder = bench.folder / "crash-dbos"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    process = subprocess.Popen(_words("crash", folder, STEPS), stdout=subprocess.DEVNULL)
    before = _half(folder / "noted")
    process.kill()
    process.wait()
    begun, before = time.time(), len(_lines(folder / "noted"))
    process = subprocess.Popen(_words("resume", folder, STEPS), stdout=subprocess.DEVNULL)
    seconds = _next(folder / "noted", before) - begun
    process.kill()
    process.wait()
    return seconds


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def _half(file: Path) -> int:
    while (count := len(_lines(file))) < STEPS // 2:
        time.sleep(0.005)
    return count


def _next(file: Path, before: int) -> float:
    """When the next task has begun, by its own clock."""
    until = time.monotonic() + 60
    while len(lines := _lines(file)) <= before:
        assert time.monotonic() < until, "nothing goes on"
        time.sleep(0.005)
    return float(lines[before].split()[1])


def _words(what: str, folder: Path, count: int) -> list[str]:
    python = environment_of("dbos", ["dbos==3.4.0", "pysqlite3-binary"], cache())
    return [str(python), str(SCRIPT), what, str(folder), str(count)]


def _dbos(bench: Bench, what: str, count: int) -> Any:
    folder = bench.folder / "dbos"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    done = subprocess.run(_words(what, folder, count), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


ROWS = {"task": task, "fan": fan, "crash": crash}
