"""Exactly once, whatever happens: chunks whose processes are shot, launched twice, and whose server crashes.

    ./dev bench chaos [--chunks 1000] [--crashes 5] [--seed 1] [--json]

While `stepwell run` works on the chunks in five lanes, function processes and the engine get SIGKILL, lanes are
launched a second time, acknowledgements of COMMITs are lost on their way, and the server is stopped by `pg_ctl stop -m
immediate`. In the end every row must have been worked on once, and the progress that people see must be what the
ledger holds. It exits with 1 if not.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import psycopg

from benchmarks.parts.measured import Goal, Measured, tell
from benchmarks.parts.project import Project
from benchmarks.parts.proxy import LossyProxy
from stepwell import postgres
from stepwell.postgres.identity import identity_of, run_as

LANES, ROWS = 5, 10  # rows of a chunk
SECONDS = "0.01"  # that a row takes: 1,000 chunks are 20 s for five lanes that nobody disturbs
RUN = "night"
LOST = 0.03  # of all COMMITs
LEDGER = "select chunk, state, rows_done, ms, attempts, lane from stepwell.chunk order by chunk"
PROGRESS = "select chunk, state, rows, ms, attempts, lane from chunk order by chunk"
OFTEN = {"function killed": 6, "lane launched twice": 4, "engine killed": 1}


def main() -> None:
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--chunks", type=int, default=1_000)
    parser.add_argument("--crashes", type=int, default=5, help="immediate stops of the server (default: 5)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            measured = Chaos(folder, chosen.chunks, chosen.crashes, chosen.seed).run()
        finally:
            postgres.stop(folder)
    tell(measured, chosen.json)
    sys.exit(not all(goal.holds for goal in measured.goals))


class Chaos:
    """One run that is disturbed until it has succeeded."""

    def __init__(self, folder: Path, chunks: int, crashes: int, seed: int) -> None:
        self._folder, self._chunks, self._crashes, self._seed = folder, chunks, crashes, seed
        self._chance = Random(seed)
        url = postgres.start(folder)
        self._proxy = LossyProxy(url, LOST, seed)
        self._project = Project(folder / "project", url, LANES, ROWS, 20, sleeps=True, through=self._proxy.url)
        self._done: Counter[str] = Counter()
        self._twins: list[subprocess.Popen[str]] = []
        self._engine: subprocess.Popen[str] | None = None
        self._worst = 0

    def run(self) -> Measured:
        self._project.make_items(self._chunks * ROWS, SECONDS)
        begun = time.monotonic()
        while not self._is_over():
            self._wait()
            self._disturb()
            self._worst = max(self._worst, self._ask("select max(v) from item") or 0)
        seconds = time.monotonic() - begun
        for twin in self._twins:
            twin.communicate()
        return self._measured(seconds)

    def _is_over(self) -> bool:
        """If the engine has ended, the run has succeeded, or is begun or resumed."""
        if self._engine is not None and self._engine.poll() is None:
            return False
        if self._engine is not None:
            self._engine.communicate()
            self._done["times that the run was resumed"] += 1
        told = self._project("runs", "--json", code=None)
        runs = json.loads(told) if told.startswith("[") else []
        if any(run["status"] == "SUCCEEDED" for run in runs):
            return True
        self._engine = self._project.start(*(("resume", RUN) if runs else ("run", "--name", RUN)))
        return False

    # What happens to it

    def _wait(self) -> None:
        """Until some more chunks are done, or for some seconds: whoever shoots faster than anything can begin, sees
        nothing end."""
        until = time.monotonic() + self._chance.uniform(0.5, 5.0)
        enough = self._chunks_done() + self._chance.randint(1, max(1, self._chunks // 50))
        while time.monotonic() < until and self._chunks_done() < enough:
            time.sleep(0.02)

    def _chunks_done(self) -> int:
        return self._ask("select count(*) from stepwell.chunk where state = 'done'") or 0

    def _disturb(self) -> None:
        if self._is_time_to_crash():
            self._crash()
            return
        [what] = self._chance.choices(list(OFTEN), list(OFTEN.values()))
        happens = {
            "function killed": self._kill_functions,
            "lane launched twice": self._launch_twin,
            "engine killed": self._kill_engine,
        }
        self._done[what] += happens[what]()

    def _is_time_to_crash(self) -> bool:
        """Evenly over the chunks."""
        crashed = self._done["server crashed"]
        part = (crashed + 1) * self._chunks // (self._crashes + 2)
        return crashed < self._crashes and self._chunks_done() > part

    def _crash(self) -> None:
        """As root, pg_ctl is run as whom the server runs."""
        data = str(self._folder / "postgres" / "data")
        command = [str(postgres.binaries() / "pg_ctl"), "stop", "-D", data, "-m", "immediate", "-w"]
        stopped, said = run_as(identity_of(data), *command)
        if not stopped:
            raise SystemExit(said)
        time.sleep(self._chance.uniform(0.0, 0.5))
        postgres.start(self._folder)
        self._done["server crashed"] += 1

    def _kill_functions(self) -> int:
        """One or two of them, amid what they do."""
        functions = _children(self._engine.pid) if self._engine else []
        killed = self._chance.sample(functions, min(len(functions), self._chance.choice((1, 2))))
        for pid in killed:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(killed)

    def _kill_engine(self) -> int:
        if self._engine is None or self._engine.poll() is not None:
            return 0
        self._engine.kill()
        return 1

    def _launch_twin(self) -> int:
        lane = {"phase": "lane", "lane": self._chance.randrange(LANES)}
        self._twins.append(self._project.handle(lane, RUN))
        return 1

    # What is left of it

    def _ask(self, query: str) -> Any:
        """None while there is no server, or no table."""
        with suppress(psycopg.Error):
            return self._project.ask(query)
        return None

    def _measured(self, seconds: float) -> Measured:
        with psycopg.connect(self._project.url) as connection:
            ledger = connection.execute(LEDGER).fetchall()
            counts = dict(connection.execute("select v, count(*) from item group by v").fetchall())
            receipts = connection.execute("select receipt->>'rows' from stepwell.receipt").fetchall()
        with sqlite3.connect(self._project.folder / ".stepwell" / "progress.db") as progress:
            told = progress.execute(PROGRESS).fetchall()
        self._done["acknowledgements of COMMIT lost"] = self._proxy.lost
        done = [Goal(what, count, unit="") for what, count in sorted(self._done.items())]
        goals = [
            Goal("chunks", len(ledger), least=self._chunks, unit=""),
            Goal("rows lost", counts.get(0, 0), most=0, unit=""),
            Goal("rows doubled", sum(count for v, count in counts.items() if v > 1), most=0, unit=""),
            Goal("times that a row was worked on at most, at any moment", self._worst, most=1, unit=""),
            Goal("chunks not done", sum(row[1] != "done" for row in ledger), most=0, unit=""),
            Goal("chunks of which progress and ledger differ", len(set(ledger) ^ set(told)), most=0, unit=""),
            Goal("receipts with all rows", receipts.count((str(self._chunks * ROWS),)), least=1, unit=""),
        ]
        title = f"{self._chunks:,} chunks of {ROWS} rows in {LANES} lanes, seed {self._seed}: {seconds:.0f} s"
        return Measured(title, {}, [*done, *goals])


def _children(pid: int) -> list[int]:
    """The function processes of an engine."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, children.read_text().split())
    return sorted(found)


if __name__ == "__main__":
    main()
