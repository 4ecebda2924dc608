"""A journal of many runs and a run of many chunks, made from one real run by copying its rows."""

import sqlite3
import time
from pathlib import Path

from stepwell.progress import ChunkState, Summary
from stepwell.progress.sqlite import SqliteProgress


def copy_runs(home: Path, count: int, apart: int = 600, named: str = "copy-{number:05d}") -> None:
    """Make of the runs of a journal, in turn, `count` runs in all, with their events, so many seconds apart."""
    db = sqlite3.connect(home / "journal.db")
    seeds = db.execute("SELECT id, arn, started FROM executions WHERE status <> 'RUNNING' ORDER BY id").fetchall()
    there = db.execute("SELECT count(*) FROM executions").fetchone()[0]
    runs, events = _columns(db, "executions"), _columns(db, "events")
    with db:
        for number in range(count - there):
            seed, arn, started = seeds[number % len(seeds)]
            later = -(number + 1) * apart * 1000
            day = time.strftime("%m%d", time.localtime((started + later) / 1000))
            new = f"{arn.rpartition(':')[0]}:{named.format(number=number, day=day)}"
            own = {"id": "NULL", "arn": "?", "started": f"started + {later}", "stopped": f"stopped + {later}"}
            made = db.execute(_copy("executions", runs, own, "id"), (new, seed)).lastrowid
            moved = {"execution": "?", "time": f"time + {later}", "sum": "NULL"}  # as older versions wrote them
            db.execute(_copy("events", events, moved, "execution"), (made, seed))
    db.close()


def _columns(db: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in db.execute(f"PRAGMA table_info({table})")]


def _copy(table: str, columns: list[str], own: dict[str, str], key: str) -> str:
    """All columns as they are, but for those of its `own`."""
    values = ", ".join(own.get(name, name) for name in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} WHERE {key} = ?"


def write_chunks(home: Path, pipeline: str, run: str, task: str, count: int, done: int) -> None:
    """Progress of a task of `count` chunks, of which `done` are done, five at work, and three have failed."""
    begun = time.time() - 600
    summary = Summary(pipeline, run, task, count, 0, 0, 0, count * 10_000, begun, time.time(), 5, "running")
    known = range(1, min(count, done + 5) + 1)
    states = [_chunk(run, pipeline, task, number, begun, number <= done) for number in known]
    for number in (count // 7, count // 5, count // 3):
        failed = states[number]._replace(state="failed", error="DataError: division by zero", rows=0, attempts=3)
        states[number] = failed
    store = SqliteProgress(str(home / "progress.db"))
    store.rebuild(summary, states)
    store.close()


def _chunk(run: str, pipeline: str, task: str, number: int, begun: float, done: bool) -> ChunkState:
    """Times that differ as real ones do: a slow tail, and lanes that are not equally fast."""
    lane = number % 5
    ms = 180 + lane * 15 + (number * 7919) % 90 + (1400 if number % 97 == 0 else 0) + number // 40
    if not done:
        return ChunkState(run, pipeline, task, number, "running", 0, 0, 1, lane, None, None)
    rows = 9_000 + (number * 104_729) % 1_000
    return ChunkState(run, pipeline, task, number, "done", rows, ms, 1, lane, None, begun + number * 0.06)
