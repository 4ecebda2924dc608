"""Rows of a full journal and of many executions under way: ours alone, the others keep nothing."""

import shutil
import signal
import sqlite3
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from benchmarks.common import VENV_BIN
from benchmarks.peers.definitions import chain
from benchmarks.peers.servers import Served, stepwell
from benchmarks.rows.rows import Bench, over

FINISHED = 100_000
RUNNING = 1_000
PAGE = 20


def finished(bench: Bench) -> None:
    """100,000 finished executions beside one page of them: the first page, `runs`, and the start of `serve`."""
    folders = {f"{count:,} finished": bench.folder / str(count) for count in (PAGE, FINISHED)}
    arns = {name: _filled(folder, int(folder.name)) for name, folder in folders.items()}
    few, all_ = folders
    served = {name: Served(stepwell(), folder).start() for name, folder in folders.items()}

    def listed(name: str) -> float:
        begun = time.perf_counter()
        for _ in range(20):
            page = served[name].sfn.list_executions(
                stateMachineArn=arns[name], maxResults=PAGE, statusFilter="SUCCEEDED"
            )
            assert len(page["executions"]) == PAGE
        return (time.perf_counter() - begun) * 50

    def runs(name: str) -> float:
        begun = time.perf_counter()
        words = [str(VENV_BIN / "stepwell"), "runs"]
        subprocess.run(words, cwd=folders[name], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - begun

    def started(name: str) -> float:
        served[name].end(signal.SIGKILL)
        begun = time.perf_counter()
        served[name].start()
        served[name].sfn.list_state_machines()
        return time.perf_counter() - begun

    def measured(measure: str, unit: str, once: object) -> dict[str, float]:
        return bench.turns(measure, unit, {name: partial(once, name) for name in folders})  # type: ignore[operator]

    pages = measured("ListExecutions, first page", "ms", listed)
    bench.at_most(f"ListExecutions, {FINISHED:,} finished / {PAGE}", over(pages, all_, few), 1.5)
    lines = measured("stepwell runs", "s", runs)
    bench.at_most(f"stepwell runs, {FINISHED:,} finished / {PAGE}", over(lines, all_, few), 1.5)
    starts = measured("start of serve to first answer", "s", started)
    bench.at_most(f"start of serve, {FINISHED:,} finished less {PAGE}, s", starts[all_] - starts[few], 0.2)
    for each in served.values():
        each.end()


def _filled(folder: Path, count: int) -> str:
    """A journal in which one execution has really run, and has been copied as often as wanted; its machine."""
    shutil.rmtree(folder, ignore_errors=True)
    served = Served(stepwell(), folder).start()
    machine = served.machine("filled", chain(5))
    served.run(machine)
    served.end(signal.SIGTERM)
    db = sqlite3.connect(folder / ".stepwell" / "journal.db", isolation_level=None)
    db.execute("BEGIN")
    for table, keys in (("executions", ("id", "arn")), ("events", ("execution",))):
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        chosen = [f"{c} || n" if c == "arn" else f"{c} + n" if c in keys else c for c in columns]
        db.execute(
            f"WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {count - 1}) "
            f"INSERT INTO {table} SELECT {', '.join(chosen)} FROM {table}, n WHERE {count} > 1"
        )
    db.execute("COMMIT")
    db.close()
    return machine


def running(bench: Bench) -> None:
    """1,000 executions under way at once, each waiting."""
    served = Served(stepwell(), bench.folder / "running").start()
    wait = {"Type": "Wait", "Seconds": 3600}
    machine = served.machine("waiting", chain(5, **wait))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: served.started(machine), range(RUNNING)))
    time.sleep(1)
    bench.note(f"memory with {RUNNING:,} under way", "stepwell", "MB", [served.memory(peak=True)])
    bench.at_most(f"memory with {RUNNING:,} under way, MB", served.memory(peak=True), 200)
    served.end()


ROWS = {"finished": finished, "running": running}
