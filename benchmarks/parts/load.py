"""A full load by swap, read by somebody meanwhile, beside INSERT … SELECT into a new table that then gets indexes."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from benchmarks.parts.dataset import make_visits, new_database, server
from benchmarks.parts.measured import Goal, Measured, speed, turns
from benchmarks.parts.warm import load_visits, must_be_same, sql

SHAPE = "create table {} (like visit including defaults)"
INDEXES = ("alter table {0} add primary key (visit_id)", "create index on {0} (visit_date, person)")
PLAIN, SWAP, READ = "INSERT … SELECT, then indexes", "load by swap", "load by swap, being read"
# Reads without a pause to speak of; tells its longest wait in milliseconds, and how often the table was empty or half.
READER = """
import select, sys, time, psycopg
waits, empty = [0.0], 0
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    print("reading", flush=True)
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


def measure(rows: int, runs: int) -> Measured:
    with server() as admin:
        target = new_database(admin, "loads")
        make_visits(target, rows)
        sql(target, *_commands("loaded"))
        reads: list[Read] = []
        times = turns(_ways(target, rows, reads), runs)
        must_be_same(target, target)
    return Measured(f"Full load of {rows:,} rows with two indexes", times, _goals(times, reads))


def _goals(times: dict, reads: list[Read]) -> list[Goal]:
    return [
        Goal(f"speed of {SWAP} / {PLAIN}", speed(times, SWAP, PLAIN), least=0.9),
        Goal(f"speed of {READ} / {PLAIN}", speed(times, READ, PLAIN)),
        Goal("reader's longest wait", max(read.milliseconds for read in reads), most=100, unit="ms"),
        Goal("empty or half tables that it saw", sum(read.empty for read in reads), most=0, unit=""),
        Goal("times that it looked", sum(read.reads for read in reads), unit=""),
    ]


def _ways(target: str, rows: int, reads: list[Read]) -> dict[str, Callable[[], float]]:
    def plain() -> float:
        _ready(target)
        begun = time.perf_counter()
        sql(target, *_commands("plain"))
        return time.perf_counter() - begun

    def swap() -> float:
        _ready(target)
        return load_visits(target)[0]

    def read() -> float:
        _ready(target)
        with _reader(target, rows - 1, reads):
            return load_visits(target)[0]

    return {PLAIN: plain, SWAP: swap, READ: read}


def _commands(table: str) -> list[str]:
    return [SHAPE.format(table), f"insert into {table} table visit", *(each.format(table) for each in INDEXES)]


def _ready(target: str) -> None:
    sql(target, "drop table if exists plain", "checkpoint")


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
