"""What 1,000 chunks cost that are done already, and what ledger and progress cost a chunk."""

import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from benchmarks.parts.dataset import new_database, server
from benchmarks.parts.measured import Goal, Measured, turns
from benchmarks.parts.project import Project

CHUNKS = 1_000
RESUME, SKIP = "stepwell resume, 1,000 chunks done of 1,001", "lane that finds 1,000 chunks done"
BARE, LEDGER, BOTH = "1,000 bare transactions", "the same as chunks", "the same as chunks, with progress"
_names = count()


def measure(rows: int, runs: int) -> Measured:
    """`rows` are those of 1,000 chunks."""
    size = max(1, rows // CHUNKS)
    with server() as admin, TemporaryDirectory() as folder:
        ours = Project(Path(folder) / "one", new_database(admin, "one"), 1, size)
        ours.make_items(size * CHUNKS)
        ways: dict[str, Callable[[], float]] = {
            BARE: lambda: _bare(ours, size),
            LEDGER: lambda: _lane(ours, "none:"),
            BOTH: lambda: _lane(ours, f"sqlite:///{folder}/progress.db"),
            SKIP: lambda: _skip(ours),
        }
        times = turns(ways, runs)
        broken = Project(Path(folder) / "two", new_database(admin, "two"), 1, size)
        times |= turns({RESUME: lambda: _resumed(broken, size)}, runs)
    fixed = times[BARE].median + times[SKIP].median  # the same work, and what an invocation costs by itself
    a_chunk = {name: 1000 * (times[name].median - fixed) / CHUNKS for name in (LEDGER, BOTH)}
    goals = [
        Goal(f"{RESUME}: seconds", times[RESUME].median, most=1, unit="s"),
        Goal("ledger, milliseconds a chunk", a_chunk[LEDGER], unit="ms"),
        Goal("ledger and progress, milliseconds a chunk", a_chunk[BOTH], most=2, unit="ms"),
    ]
    return Measured(f"Chunks of {size} rows, each a lot of its own", times, goals)


def _bare(project: Project, size: int) -> float:
    with psycopg.connect(project.url) as connection:
        begun = time.perf_counter()
        for number in range(CHUNKS):
            bounds = [number * size, (number + 1) * size]
            connection.execute("update item set v = v + 1 where id >= %s and id < %s", bounds)
            connection.commit()
        return time.perf_counter() - begun


def _lane(project: Project, progress: str) -> float:
    """One lane, in one invocation, that does the chunks one by one."""
    run = f"run-{next(_names)}"
    planned, _ = project.handled({"phase": "plan"}, run, STEPWELL_PROGRESS=progress)
    project.ask("update stepwell.chunk set alone = true")
    lane = {"phase": "lane", "lane": 0, "number": planned["number"]}
    told, seconds = project.handled(lane, run, STEPWELL_PROGRESS=progress)
    assert (told["done"], told["lots"]) == (True, CHUNKS), told
    return seconds


def _skip(project: Project) -> float:
    """The run before is done; the lane is invoked once more."""
    run = project.ask("select run from stepwell.plan order by planned_at desc limit 1")
    told, seconds = project.handled({"phase": "lane", "lane": 0}, run)
    assert (told["done"], told["lots"]) == (True, 0), told
    return seconds


def _resumed(project: Project, size: int) -> float:
    """A run whose last chunk was refused by the data goes on, from a cold shell."""
    name = f"night-{next(_names)}"
    project.make_items(size * (CHUNKS + 1))
    project.ask(f"alter table item add constraint refused check (id < {size * CHUNKS} or v < 1)")
    project("run", "--name", name, code=1)
    project.ask("alter table item drop constraint refused")
    done = project.ask(f"select count(*) from stepwell.chunk where run = '{name}' and state = 'done'")
    assert done == CHUNKS, f"{done} chunks are done"
    begun = time.perf_counter()
    project("resume", name)
    seconds = time.perf_counter() - begun
    assert project.ask("select count(*) from item where v <> 1") == 0
    return seconds
