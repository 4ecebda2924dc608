"""An UPDATE join in chunks through the whole product, beside the same statement in psql.

Whole product: `stepwell run` from a cold shell, with engine, function processes, plan, ledger and progress. Every run
works on a fresh copy of the same database. Lanes: 1, 2 and 5; beside more lanes, as many bare connections that take the
same chunks from a list in memory: what PostgreSQL itself gains or loses by more of them.
"""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from benchmarks.common import VENV_BIN, Command, Figure, timed
from benchmarks.parts.dataset import make_visits, new_database, run_psql, server
from benchmarks.parts.measured import Goal, Measured, speed, turns

UPDATE = """
UPDATE visit AS target
SET amount = staged.amount * carer.rate, status = 'merged', note = carer.name
FROM staging AS staged
JOIN carer ON carer.carer_id = staged.carer_id
WHERE target.visit_id = staged.visit_id
"""
TABLES = """
CREATE TABLE carer AS
  SELECT n AS carer_id, 'carer ' || n AS name, 1 + (n % 10)::numeric / 10 AS rate FROM generate_series(0, 4999) AS s(n);
ALTER TABLE carer ADD PRIMARY KEY (carer_id);
CREATE TABLE staging AS SELECT visit_id, visit_date, person, carer_id, amount FROM visit WHERE visit_id % 2 = 0
  ORDER BY visit_date, person;
ALTER TABLE staging ADD PRIMARY KEY (visit_id);
CREATE INDEX ON staging (visit_date, person);
VACUUM ANALYZE carer; VACUUM ANALYZE staging;
"""
RANGE = """(
  SELECT * FROM staging WHERE visit_date BETWEEN %(from_date)s AND %(to_date)s
  AND (visit_date, person) >= (%(from_date)s, %(from_person)s::text)
  AND (visit_date, person) < (%(to_date)s, %(to_person)s::text)
) AS staged"""
BOUNDS = """
SELECT visit_date, person FROM (
  SELECT visit_date, person, row_number() OVER (ORDER BY visit_date, person) FROM staging WHERE person IS NOT NULL
) AS s WHERE row_number % 10000 = 1 ORDER BY 1, 2
"""
PIPELINE = """
from stepwell import Chunks, Pipeline
pipeline = Pipeline("merge")
pipeline.sql("task_01", "update.sql", chunks=Chunks("staging", by=("visit_date", "person"), parallel={lanes}))
"""


def measure(rows: int, runs: int) -> Measured:
    """`rows` are those that are updated, of a table with twice as many."""
    times = _measured(rows, runs, [1, 2], psql=True)
    goals = [
        Goal(f"speed of {_row(lanes)} / psql", speed(times, _row(lanes), "psql"), least=least)
        for lanes, least in ((1, 0.90), (2, 1.25))
    ]
    return Measured(f"UPDATE join of {rows:,} rows of {2 * rows:,}, by the whole product", times, goals)


def measure_lanes(rows: int, runs: int) -> Measured:
    """The same with more lanes than processors, and room in the log's buffers for as many writers."""
    times = _measured(rows, runs, [2, 5], psql=False, bare=True, wal_buffers="64MB")
    goals = [
        Goal("speed of 5 lanes / 2 lanes", speed(times, _row(5), _row(2)), least=0.95),
        Goal("speed of 5 bare connections / 2", speed(times, _bare_row(5), _bare_row(2))),
    ]
    return Measured(f"UPDATE join of {rows:,} rows of {2 * rows:,}, by more lanes, wal_buffers=64MB", times, goals)


def _measured(
    rows: int, runs: int, lanes: list[int], psql: bool, bare: bool = False, **settings: str
) -> dict[str, Figure]:
    """Without a turn that is not counted: each works on a fresh copy, for many seconds."""
    numbers = count()
    with server(**settings) as admin, TemporaryDirectory() as name:
        _prepare(admin, 2 * rows)

        def in_chunks(many: int) -> float:
            return _in_chunks(admin, Path(name) / f"{next(numbers)}", many)

        ways: dict[str, Callable[[], float]] = {"psql": partial(_in_psql, admin)} if psql else {}
        ways |= {_row(many): partial(in_chunks, many) for many in lanes}
        ways |= {_bare_row(many): partial(_barely, admin, many) for many in lanes if bare}
        return turns(ways, runs, warm_up=False)


def _row(lanes: int) -> str:
    return f"stepwell run, {lanes} lane{'' if lanes == 1 else 's'}"


def _bare_row(connections: int) -> str:
    return f"{connections} bare connections"


def _prepare(admin: str, rows: int) -> None:
    url = new_database(admin, "base")
    make_visits(url, rows)
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in TABLES.split(";"):
            if statement.strip():
                connection.execute(statement)


def _in_psql(admin: str) -> float:
    url = new_database(admin, "work", "base")
    begun = time.perf_counter()
    run_psql(url, UPDATE)
    return time.perf_counter() - begun


def _barely(admin: str, connections: int) -> float:
    """Each takes the chunks of its own part of the table, then some of those that are left, and commits each.

    Without the rows that have no person, one in ten thousand.
    """
    url = new_database(admin, "work", "base")
    with psycopg.connect(url) as connection:
        bounds = connection.execute(BOUNDS).fetchall()
    chunks = list(pairwise([*bounds, (date.max, "")]))
    parts = [
        deque(chunks[n * len(chunks) // connections : (n + 1) * len(chunks) // connections]) for n in range(connections)
    ]
    statement = UPDATE.replace("staging AS staged", RANGE)

    def work(own: "deque[Any]") -> None:
        with psycopg.connect(url) as connection:
            while left := own or max(parts, key=len):
                try:
                    (from_date, from_person), (to_date, to_person) = left.popleft()
                except IndexError:  # another one was faster
                    continue
                bound = {"from_date": from_date, "from_person": from_person, "to_date": to_date, "to_person": to_person}
                connection.execute(statement, bound)
                connection.commit()

    begun = time.perf_counter()
    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(work, parts))
    return time.perf_counter() - begun


def _in_chunks(admin: str, folder: Path, lanes: int) -> float:
    url = new_database(admin, "work", "base")
    folder.mkdir()
    (folder / "pipeline.py").write_text(PIPELINE.format(lanes=lanes))
    (folder / "update.sql").write_text(UPDATE)
    seconds = timed(Command([str(VENV_BIN / "stepwell"), "run"], folder, {"DATABASE_URL": url}))
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM visit WHERE status = 'merged'").fetchone()
        expected = connection.execute("SELECT count(*) FROM staging").fetchone()
    if row != expected:
        raise SystemExit(f"{row} rows were merged instead of {expected}")
    return seconds
