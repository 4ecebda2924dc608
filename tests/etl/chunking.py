"""A table whose rows count how often they were worked on, cut into chunks, and lanes that work on it."""

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import psycopg

from stepwell.etl import chunked
from stepwell.etl.chunked import Job
from stepwell.etl.connection import TaskConnection
from stepwell.etl.fence import Key
from stepwell.etl.lane import Work
from stepwell.etl.ledger import Lot
from stepwell.etl.plan import find_table
from stepwell.etl.ranges import Key as Columns
from stepwell.etl.ranges import predicate

KEY = Key("shop", "task_02", "")
BY = ("a", "b")


def make_items(url: str, rows: int = 1000, key: str = "i / 100, i % 50") -> None:
    """`item`, with `v` = 0 in each row; every chunk's run adds 1."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("create table item (id int primary key, a int, b int, v int not null default 0)")
        admin.execute(f"insert into item select i, {key} from generate_series(1, {rows}) i")
        admin.execute("create index on item (a, b)")


def counts(url: str) -> dict[int, int]:
    """How many rows were worked on how often."""
    with psycopg.connect(url) as admin:
        return dict(admin.execute("select v, count(*) from item group by v").fetchall())


def ledger(url: str, columns: str = "chunk, state", where: str = "true") -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as admin:
        return admin.execute(f"select {columns} from stepwell.chunk where {where} order by chunk").fetchall()


def add_one(connection: TaskConnection, lot: Lot, before: str = "") -> int:
    columns = Columns(BY, ("integer", "integer"), (True, True))
    condition, values = predicate(lot.range, columns, "", 1)
    if before:
        connection.keep_deadline()
        connection.execute(before)
    connection.keep_deadline()
    return psycopg.RawCursor(connection).execute(f"update item set v = v + 1 where {condition}", values).rowcount


def job(
    url: str,
    work: Callable[[TaskConnection, Lot], int] = add_one,
    seconds: float = 60,
    run: str = "night",
    execution: str = "night",
    clear: bool = False,
    size: int = 50,
    lanes: int = 3,
    deadline: int = 3600,
    tolerate: int = 0,
    attempts: int = 3,
    again: frozenset[str] = frozenset(),
    what: str = "add one",
    by: tuple[str, ...] = BY,
) -> Job:
    ends = time.monotonic() + seconds

    def made(_: Any, __: dict[str, Any]) -> Work:
        return work

    return Job(
        url=url,
        application="test",
        key=KEY,
        run=run,
        execution=execution,
        clear=clear,
        remaining=lambda: max(0.0, ends - time.monotonic()),
        table="item",
        by=by,
        size=size,
        lanes=lanes,
        deadline=deadline,
        tolerate=tolerate,
        attempts=attempts,
        again=again,
        params={"days": 7},
        freeze=lambda connection, _: {"what": what, "key": find_table(connection, "item", by).key._asdict()},
        work=made,
        check=lambda _: {},
        used_mb=lambda: 1,
    )


LANE = """
import sys, time
from tests.etl.chunking import add_one, job
from stepwell.etl import chunked
url, lane, seconds, before = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
print("ready", flush=True)
told = chunked.lane(job(url, lambda c, lot: add_one(c, lot, before), seconds=seconds), None, lane)
print(told["done"], flush=True)
"""


def lane_process(url: str, lane: int = 0, seconds: float = 60, before: str = "") -> subprocess.Popen[str]:
    """A lane in a process of its own; `before` is SQL that each lot runs first."""
    command = [sys.executable, "-c", LANE, url, str(lane), str(seconds), before]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run_all(given: Job) -> dict[str, Any]:
    """All three phases, one lane."""
    number = chunked.plan(given)["number"]
    assert chunked.lane(given, number)["done"]
    return chunked.reconcile(given, number)
