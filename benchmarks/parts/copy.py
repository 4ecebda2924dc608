"""A table from one PostgreSQL into a new one of another, beside `psql COPY binary | psql`."""

import subprocess
import time
from collections.abc import Callable

from benchmarks.parts.dataset import make_visits, new_database, psql, server
from benchmarks.parts.measured import Goal, Measured, speed, turns
from benchmarks.parts.warm import load_visits, must_be_same, sql

PIPE, FAST, PLAIN = "psql COPY binary | psql", "stepwell [copy] (asyncpg)", "stepwell (psycopg)"
SHAPE = (
    "create table loaded (visit_id int8, visit_date date, person text, carer_id int, amount numeric, "
    "starts_at timestamp, minutes int, status text, note text)"
)


def measure(rows: int, runs: int) -> Measured:
    with server() as admin:
        source, target = new_database(admin, "copy_source"), new_database(admin, "copy_target")
        make_visits(source, rows)
        memory: dict[str, int] = {}
        times = turns(ways(source, target, memory), runs)
        must_be_same(source, target)
    goals = [
        Goal(f"speed of {FAST} / psql", speed(times, FAST, PIPE), least=0.85),
        Goal(f"speed of {PLAIN} / psql", speed(times, PLAIN, PIPE), least=0.65),
        *(Goal(f"memory of {way}, at most", megabytes, most=100, unit="MB") for way, megabytes in memory.items()),
    ]
    return Measured(f"Copy of {rows:,} rows from PostgreSQL to PostgreSQL", times, goals)


def ways(source: str, target: str, memory: dict[str, int]) -> dict[str, Callable[[], float]]:
    """Each into a table that is not there; `memory` gets the megabytes that a process of ours held at most."""

    def ours(name: str, driver: str) -> float:
        _ready(target)
        seconds, megabytes = load_visits(target, source, driver)
        memory[name] = max(memory.get(name, 0), megabytes)
        return seconds

    return {
        PIPE: lambda: _pipe(source, target),
        FAST: lambda: ours(FAST, "asyncpg"),
        PLAIN: lambda: ours(PLAIN, "psycopg"),
    }


def _pipe(source: str, target: str) -> float:
    _ready(target)
    out = [psql(), source, "-qXc", "copy (select * from visit) to stdout (format binary)"]
    into = [psql(), target, "-qXc", SHAPE, "-c", "copy loaded from stdin (format binary)"]
    begun = time.perf_counter()
    first = subprocess.Popen(out, stdout=subprocess.PIPE)
    subprocess.run(into, stdin=first.stdout, check=True)
    assert first.wait() == 0
    return time.perf_counter() - begun


def _ready(target: str) -> None:
    sql(target, "drop table if exists loaded", "checkpoint")
