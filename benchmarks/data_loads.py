"""Full loads and copies: by Stepwell, and by the plainest way that PostgreSQL has, on the same machine in turns.

    ./dev bench data_loads [--load-rows 2000000] [--copy-rows 5000000] [--runs 5] [--json]

A load or copy by Stepwell is what a warm function does: it
connects, takes its number, loads in one transaction, gathers statistics, stores its receipt and commits.
"""

import statistics
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import psycopg

from benchmarks.common import Figure, figure, options, report
from benchmarks.dataset import make_visits, new_database, psql, server

SHAPE = "create table {} (like visit including defaults)"
INDEXES = ("alter table {0} add primary key (visit_id)", "create index on {0} (visit_date, person)")
SUM = "select count(*), sum(amount), sum(hashtext(note)::int8) from {}"
# What a function's process does for a load task; tells its seconds, and the megabytes that it held at most.
TASK = """
import sys, time
from stepwell.etl import copy
from stepwell.etl.fence import Key, run_fenced
from stepwell.etl.load import load
from stepwell.etl.script import Script

target, source, run, way = sys.argv[1:]
if way == "psycopg":
    copy.find_spec = lambda name: None
if way == "asyncpg":
    from stepwell.etl import copy_asyncpg
script = Script.parse("select * from visit", "load.sql")
work = lambda connection, attempt: load(connection, "loaded", script, {}, source or None).receipt()
begun = time.perf_counter()
run_fenced(target, Key("bench", "load", ""), run, run, False, 900, "bench", work)
print(time.perf_counter() - begun)
print(next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:")) // 1024)
"""
# Reads without a pause to speak of; tells its longest wait in milliseconds, and how often the table was empty or half.
READER = """
import sys, time, psycopg
waits, empty = [0.0], 0
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    print("reading", flush=True)
    import select
    while not select.select([sys.stdin], [], [], 0.005)[0]:
        begun = time.perf_counter()
        found = connection.execute(
            "select exists (select from loaded), exists (select from loaded where visit_id = %s)", [int(sys.argv[2])]
        ).fetchone()
        waits.append(time.perf_counter() - begun)
        empty += found != (True, True)
print(max(waits) * 1000, empty, len(waits) - 1)
"""


class Read(NamedTuple):
    """What a polling reader saw: its longest wait, empty or half tables, and how often it looked."""

    milliseconds: float
    empty: int
    reads: int


def full_load(url: str, rows: int, runs: int) -> tuple[dict[str, Figure], dict[str, float], Read]:
    """A table of `rows` with two indexes, loaded anew from a query of the same database while somebody reads it."""
    target = new_database(url, "loads")
    make_visits(target, rows)
    _sql(target, SHAPE.format("loaded"), "insert into loaded table visit", *_indexes("loaded"))
    reads: list[Read] = []

    def plain() -> float:
        commands = [SHAPE.format("plain"), "insert into plain table visit", *_indexes("plain")]
        return _timed(lambda: _sql(target, *commands))

    def swap() -> float:
        return _stepwell(target, "", "any")[0]

    def swap_read() -> float:
        with _reader(target, rows - 1, reads):
            return swap()

    ways: dict[str, Callable[[], float]] = {
        "INSERT … SELECT, then indexes": plain,
        "stepwell load (swap)": swap,
        "stepwell load (swap), being read": swap_read,
    }
    figures = _turns(ways, runs, lambda: _sql(target, "drop table if exists plain", "checkpoint"))
    _same(target, target)
    base = figures["INSERT … SELECT, then indexes"].median
    ratios = {f"{name}: speed of the plain way": base / figures[name].median for name in list(ways)[1:]}
    worst = Read(
        max(read.milliseconds for read in reads),
        sum(read.empty for read in reads),
        sum(read.reads for read in reads),
    )
    ratios["reader's longest wait (milliseconds)"] = worst.milliseconds
    ratios["reader's median of longest waits (milliseconds)"] = statistics.median(r.milliseconds for r in reads)
    ratios["empty or half tables that the reader saw (count)"] = worst.empty
    return figures, ratios, worst


def copies(url: str, rows: int, runs: int) -> tuple[dict[str, Figure], dict[str, float], dict[str, int]]:
    """A table of `rows` from one database into a new table of another."""
    source, target = new_database(url, "copy_source"), new_database(url, "copy_target")
    make_visits(source, rows)
    shape = (
        "create table loaded (visit_id int8, visit_date date, person text, carer_id int, amount numeric, "
        "starts_at timestamp, minutes int, status text, note text)"
    )
    memory: dict[str, int] = {}

    def pipe() -> None:
        out = [psql(), source, "-qXc", "copy (select * from visit) to stdout (format binary)"]
        into = [psql(), target, "-qXc", shape, "-c", "copy loaded from stdin (format binary)"]
        first = subprocess.Popen(out, stdout=subprocess.PIPE)
        subprocess.run(into, stdin=first.stdout, check=True)
        assert first.wait() == 0

    def by(way: str) -> Callable[[], float]:
        def run() -> float:
            seconds, megabytes = _stepwell(target, source, way)
            memory[way] = max(memory.get(way, 0), megabytes)
            return seconds

        return run

    ways: dict[str, Callable[[], float]] = {
        "psql COPY binary | psql": lambda: _timed(pipe),
        "stepwell [copy] (asyncpg)": by("asyncpg"),
        "stepwell (psycopg)": by("psycopg"),
    }
    figures = _turns(ways, runs, lambda: _sql(target, "drop table if exists loaded", "checkpoint"))
    _same(source, target)
    base = figures["psql COPY binary | psql"].median
    ratios = {f"{name}: speed of psql | psql": base / figures[name].median for name in list(ways)[1:]}
    return figures, ratios, memory


def _turns(ways: Mapping[str, Callable[[], float]], runs: int, before: Callable[[], object]) -> dict[str, Figure]:
    """The seconds of every way in turns (A B C A B C …), after one turn that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(runs + 1):
        for name, way in ways.items():
            before()
            took = way()
            if turn:
                seconds[name].append(took)
    return {name: figure(times) for name, times in seconds.items()}


_runs = iter(range(1_000_000))


def _stepwell(target: str, source: str, way: str) -> tuple[float, int]:
    """One load in a process of its own: its seconds, and the megabytes that the process held at most."""
    command = [sys.executable, "-c", TASK, target, source, f"run-{next(_runs)}", way]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    *_, seconds, megabytes = done.stdout.split()
    return float(seconds), int(megabytes)


def _timed(commands: Callable[[], object]) -> float:
    begun = time.perf_counter()
    commands()
    return time.perf_counter() - begun


@contextmanager
def _reader(url: str, last: int, reads: list[Read]) -> Iterator[None]:
    command = [sys.executable, "-c", READER, url, str(last)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    process.stdout.readline()
    yield
    told, _ = process.communicate("\n")
    wait, empty, count = told.split()
    reads.append(Read(float(wait), int(empty), int(count)))


def _sql(url: str, *commands: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for command in commands:
            connection.execute(command)


def _indexes(table: str) -> list[str]:
    return [command.format(table) for command in INDEXES]


def _same(source: str, target: str) -> None:
    with psycopg.connect(source) as one, psycopg.connect(target) as other:
        expected = one.execute(SUM.format("visit")).fetchone()
        assert other.execute(SUM.format("loaded")).fetchone() == expected, "the rows are not the same"


def main(chosen: Namespace) -> None:
    with server() as url:
        if chosen.load_rows:
            figures, ratios, read = full_load(url, chosen.load_rows, chosen.runs)
            title = f"Full load of {chosen.load_rows:,} rows, two indexes; {read.reads} reads beside it"
            report(title, figures, ratios, chosen)
        if chosen.copy_rows:
            figures, ratios, memory = copies(url, chosen.copy_rows, chosen.runs)
            held = ", ".join(f"{way} {megabytes} MB" for way, megabytes in memory.items())
            report(f"Copy of {chosen.copy_rows:,} rows; client memory: {held}", figures, ratios, chosen)


if __name__ == "__main__":
    parser = options(__doc__ or "", runs=5)
    parser.add_argument("--load-rows", type=int, default=2_000_000, help="rows of the full load (0: leave it out)")
    parser.add_argument("--copy-rows", type=int, default=5_000_000, help="rows of the copy (0: leave it out)")
    parser.add_argument("--rows", type=int, help="rows of both, to scale down")
    given = parser.parse_args()
    if given.rows is not None:
        given.load_rows = given.copy_rows = given.rows
    main(given)
