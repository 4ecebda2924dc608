"""Planning chunks of a large table, beside `count(*)` of it: how long it takes, and that the plan is exact."""

import time

import psycopg

from benchmarks.common import figure
from benchmarks.parts.dataset import make_visits, new_database, server
from benchmarks.parts.measured import Goal, Measured
from stepwell.etl.connection import TaskConnection, connect
from stepwell.etl.plan import Plan, Table, find_table, make_plan
from stepwell.etl.ranges import Range, predicate

WANTED = 10_000
COUNT, PLAN = "select count(*)", "plan of the chunks"


def measure(rows: int, runs: int) -> Measured:
    with server() as admin:
        url = new_database(admin, "plan")
        make_visits(url, rows)
        with connect(url, "benchmark") as connection:
            table = find_table(connection, "visit", ("visit_date", "person"))
            times, plan = _timed(connection, table, runs)
            facts = _facts(connection, table, plan, rows)
    figures = {name: figure(seconds) for name, seconds in times.items()}
    ratio = Goal("plan / count(*)", figures[PLAN].median / figures[COUNT].median, most=3)
    return Measured(f"Plan of {rows:,} rows by (visit_date, person)", figures, [ratio, *facts])


def _timed(connection: TaskConnection, table: Table, runs: int) -> tuple[dict[str, list[float]], Plan]:
    times: dict[str, list[float]] = {COUNT: [], PLAN: []}
    for _ in range(runs + 1):
        begun = time.perf_counter()
        connection.execute("select count(*) from visit")
        middle = time.perf_counter()
        connection.end(commit=False)
        planned = time.perf_counter()
        plan = make_plan(connection, table, WANTED)
        ended = time.perf_counter()
        connection.end(commit=False)
        times[COUNT].append(middle - begun)
        times[PLAN].append(ended - planned)
    return {name: seconds[1:] for name, seconds in times.items()}, plan


def _facts(connection: TaskConnection, table: Table, plan: Plan, total: int) -> list[Goal]:
    """Sizes without oversized groups; and every chunk's rows, counted by the condition that the lanes use."""
    apart = set(plan.oversized)
    sizes = sorted(chunk.rows for chunk in plan.chunks if chunk.number not in apart and chunk.range.null is None)
    held = [_count(connection, *predicate(chunk.range, table.key, "", 1)) for chunk in plan.chunks]
    nulls = sum(chunk.rows for chunk in plan.chunks if chunk.range.null is not None)
    bounds = [chunk.range for chunk in plan.chunks if chunk.range.null is None]
    return [
        Goal("chunks", len(plan.chunks), unit=""),
        Goal("oversized groups apart", len(plan.oversized), unit=""),
        Goal("largest other chunk / rows wanted", sizes[-1] / WANTED, most=1),
        Goal("first percentile / rows wanted", sizes[len(sizes) // 100] / WANTED, least=0.99),
        Goal("rows that chunks do not have as planned", sum(map(_differ, held, plan.chunks)), most=0, unit=""),
        Goal("rows in chunks less rows of the table", abs(sum(held) - total), most=0, unit=""),
        Goal("bounds that overlap or leave a gap", _badly_joined(bounds), most=0, unit=""),
        Goal(
            "rows with NULL in the key, less those planned",
            abs(nulls - _count(connection, "person is null", [])),
            most=0,
            unit="",
        ),
    ]


def _differ(held: int, chunk: object) -> int:
    return abs(held - chunk.rows)  # type: ignore[attr-defined]


def _badly_joined(ranges: list[Range]) -> int:
    pairs = zip([None, *(each.hi for each in ranges)], [*(each.lo for each in ranges), None], strict=True)
    return sum(before != after for before, after in pairs)


def _count(connection: TaskConnection, condition: str, values: list[str | None]) -> int:
    row = psycopg.RawCursor(connection).execute(f"select count(*) from visit where {condition}", values).fetchone()
    return row[0] if row else 0
