"""What the monitor costs: first paint of 10,000 chunks and of 10,000 runs, and what 20 viewers of a run add to it.

Rows: both pages in a real browser (first contentful paint, longest task of the page's own code), and the CPU seconds of
the monitor with 20 viewers, beside those of the run that they watch: command, functions and database.
"""

import os
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from argparse import Namespace
from http.client import HTTPException
from pathlib import Path
from typing import Any

from benchmarks.common import VENV_BIN, Figure, figure, options, report
from benchmarks.many_runs import copy_runs, write_chunks
from stepwell import postgres

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
STEPWELL = str(VENV_BIN / "stepwell")
VIEWERS = 20
CHUNKS = 10_000
PIPELINE = """
from stepwell import Chunks, Pipeline, env
pipeline = Pipeline("shop", database=env("DATABASE_URL"))
pipeline.sql("sell", "sell.sql", chunks=Chunks("items", by="id", rows={rows}, parallel=5))
"""
SELL = "INSERT INTO sold SELECT id, md5(id::text) || md5((id * 7)::text) FROM items WHERE id % 10 < 9;"
# Longest task and first paint, told by the page when it has come to rest.
MEASURE = """
() => new Promise((tell) => {
  const long = []
  new PerformanceObserver((list) => long.push(...list.getEntries().map((e) => e.duration)))
    .observe({ type: 'longtask', buffered: true })
  setTimeout(() => tell({
    paint: performance.getEntriesByName('first-contentful-paint')[0].startTime,
    long: Math.max(0, ...long),
  }), 1200)
})
"""


def main() -> None:
    parser = options(__doc__ or "", runs=5)
    parser.add_argument("--only", choices=("pages", "viewers"), help="measure only this")
    chosen = parser.parse_args()
    rows: dict[str, Figure] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = postgres.start(folder / "server")
        try:
            if chosen.only != "viewers":
                rows |= _pages(folder / "pages", chosen)
            if chosen.only != "pages":
                rows |= _viewers(folder / "viewers", url, chosen)
        finally:
            postgres.stop(folder / "server")
    ratios = {}
    if "monitor with 20 viewers, CPU" in rows:
        watched = rows["monitor with 20 viewers, CPU"].median
        ratios["20 viewers / the run's processes"] = watched / rows["the run's processes, CPU"].median
        ratios["20 viewers / the same without the database"] = watched / rows["the same without the database"].median
    report("The monitor", rows, ratios, chosen)


# Pages


def _pages(folder: Path, chosen: Namespace) -> dict[str, Figure]:
    from playwright.sync_api import sync_playwright

    folder.mkdir()
    (folder / "pipeline.py").write_text(
        "from stepwell import Pipeline\npipeline = Pipeline('shop')\n@pipeline.task\ndef sell(): return {'rows': 3}\n"
    )
    subprocess.run([STEPWELL, "run", "--name", "big"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    copy_runs(folder / ".stepwell", 10_000)
    write_chunks(folder / ".stepwell", "shop", "big", "sell", CHUNKS, CHUNKS * 7 // 10)
    monitor = Monitor(folder, {})
    paints: dict[str, list[float]] = {}
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            for turn in range(chosen.runs + 1):
                for name, path in (("10,000 runs", "/"), (f"{CHUNKS:,} chunks", "/runs/shop/big")):
                    page = browser.new_page(viewport={"width": 1440, "height": 900})
                    page.goto(monitor.url + path, wait_until="load")
                    found: Any = page.evaluate(MEASURE)
                    page.close()
                    if turn:
                        paints.setdefault(f"{name}, first paint", []).append(found["paint"] / 1000)
                        paints.setdefault(f"{name}, longest task", []).append(found["long"] / 1000)
            browser.close()
    finally:
        monitor.close()
    return {name: figure(seconds) for name, seconds in paints.items()}


# Viewers


def _viewers(folder: Path, url: str, chosen: Namespace) -> dict[str, Figure]:
    import psycopg

    folder.mkdir()
    per_chunk = 30
    (folder / "pipeline.py").write_text(PIPELINE.format(rows=per_chunk))
    (folder / "sell.sql").write_text(SELL)
    with psycopg.connect(url, autocommit=True) as connection:
        count = CHUNKS * per_chunk
        connection.execute(f"CREATE TABLE items AS SELECT id FROM generate_series(1, {count}) id")
        connection.execute("ALTER TABLE items ADD PRIMARY KEY (id)")
        connection.execute("CREATE TABLE sold (id bigint PRIMARY KEY, what text)")
        connection.execute("ANALYZE items")
    spent: dict[str, list[float]] = {}
    for turn in range(chosen.runs):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("TRUNCATE sold")
        for name, seconds in _watched_run(folder, url, f"sale-{turn}").items():
            spent.setdefault(name, []).append(seconds)
    return {name: figure(seconds) for name, seconds in spent.items()}


def _watched_run(folder: Path, url: str, name: str) -> dict[str, float]:
    """CPU seconds of a run, and of the monitor in which 20 viewers watch it from its first second on."""
    environment = {"DATABASE_URL": url}
    monitor = Monitor(folder, environment)
    server = _server(url)
    server_before, before = _cpu_of_tree(server), os.times()
    run = subprocess.Popen(
        [STEPWELL, "run", "--name", name], cwd=folder, env={**os.environ, **environment}, stdout=subprocess.DEVNULL
    )
    try:
        viewers = monitor.watch(f"/runs/shop/{name}", VIEWERS)
        monitor_before = _cpu(monitor.process.pid)
        if run.wait():
            sys.exit("the run failed")
        threading.Event().wait(2)  # for the last news
        watched = _cpu(monitor.process.pid) - monitor_before
        after = os.times()
        database = _cpu_of_tree(server) - server_before
        own = after.children_user + after.children_system - before.children_user - before.children_system
        heard = viewers.heard()
    finally:
        monitor.close()
    if not heard:
        sys.exit("the viewers heard nothing")
    return {
        "the run's processes, CPU": own + database,
        "the same without the database": own,
        "monitor with 20 viewers, CPU": watched,
    }


class Viewers:
    """Streams that are read as a browser reads them."""

    def __init__(self, address: str, count: int) -> None:
        self._bytes = [0] * count
        for number in range(count):
            threading.Thread(target=self._read, args=(address, number), daemon=True).start()

    def _read(self, address: str, number: int) -> None:
        try:
            with urllib.request.urlopen(address, timeout=60) as stream:
                while data := stream.read1(65536):
                    self._bytes[number] += len(data)
        except (OSError, HTTPException, ValueError):  # the monitor has ended
            pass

    def heard(self) -> bool:
        return min(self._bytes) > 10_000


class Monitor:
    """The command as a process, on a free port."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [STEPWELL, "monitor", "--no-browser", "--port", "0"],
            cwd=folder,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip().rpartition(" ")[2].partition("/#")[0]
        urllib.request.urlopen(self.url).read()

    def watch(self, path: str, count: int) -> Viewers:
        """Look at a run as soon as it is there."""
        for _ in range(400):
            try:
                urllib.request.urlopen(self.url + path).read()
                return Viewers(f"{self.url}{path}/live", count)
            except urllib.error.HTTPError:
                threading.Event().wait(0.05)
        sys.exit(f"{path} did not appear")

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()


def _server(url: str) -> int:
    """The process of the database server that listens there."""
    import psycopg

    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT pg_read_file('postmaster.pid')").fetchone()
    return int(str(row[0]).split()[0]) if row else 0


def _cpu(pid: int) -> float:
    """CPU seconds of a process, and of its children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _cpu_of_tree(pid: int) -> float:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    below = children.read_text().split() if children.exists() else []
    return _cpu(pid) + sum(_cpu(int(child)) for child in below)


if __name__ == "__main__":
    main()
