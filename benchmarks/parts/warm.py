"""A load as a warm function does it: connect, take a number, load in one transaction, statistics, receipt, commit."""

import subprocess
import sys
from itertools import count

import psycopg

# Tells its seconds, and the megabytes that the process held at most.
_TASK = """
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
_SUM = "select count(*), sum(amount), sum(hashtext(note)::int8) from {}"
_runs = count()


def load_visits(target: str, source: str = "", way: str = "any") -> tuple[float, int]:
    """`visit` of the source, or of the target itself, into `loaded`: seconds, and the process's megabytes at most."""
    command = [sys.executable, "-c", _TASK, target, source, f"run-{next(_runs)}", way]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    *_, seconds, megabytes = done.stdout.split()
    return float(seconds), int(megabytes)


def sql(url: str, *commands: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for command in commands:
            connection.execute(command)


def rows_of(url: str, table: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(f"select count(*) from {table}").fetchone()
    return row[0] if row else 0


def must_be_same(source: str, target: str) -> None:
    with psycopg.connect(source) as one, psycopg.connect(target) as other:
        expected = one.execute(_SUM.format("visit")).fetchone()
        assert other.execute(_SUM.format("loaded")).fetchone() == expected, "the rows are not the same"
