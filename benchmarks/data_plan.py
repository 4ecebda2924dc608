"""Planning chunks of a large table, beside `count(*)` of it: how long it takes, and that the plan is exact."""

import time

import psycopg

from benchmarks.common import figure, options, ratio, report
from benchmarks.dataset import make_visits, new_database, server
from stepwell.etl.connection import TaskConnection, connect
from stepwell.etl.plan import Plan, Table, find_table, make_plan
from stepwell.etl.ranges import predicate

WANTED = 10_000
COUNT, PLAN = "select count(*)", "plan of the chunks"


def main() -> None:
    parser = options(__doc__ or "", runs=5)
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the table (default: 10,000,000)")
    chosen = parser.parse_args()
    with server() as admin:
        url = new_database(admin, "plan")
        make_visits(url, chosen.rows)
        with connect(url, "benchmark") as connection:
            table = find_table(connection, "visit", ("visit_date", "person"))
            times, plan = _measure(connection, table, chosen.runs)
            facts = _facts(connection, table, plan, chosen.rows)
    rows = {name: figure(seconds) for name, seconds in times.items()}
    report(f"Plan of {chosen.rows:,} rows", rows, {"plan / count(*)": ratio(rows, PLAN, COUNT)} | facts, chosen)


def _measure(connection: TaskConnection, table: Table, runs: int) -> tuple[dict[str, list[float]], Plan]:
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


def _facts(connection: TaskConnection, table: Table, plan: Plan, total: int) -> dict[str, float]:
    """Largest chunk and first percentile without oversized groups; rows that no chunk or two chunks hold."""
    sizes = sorted(chunk.rows for chunk in plan.chunks if chunk.number not in plan.oversized)
    ordinary = [size for size in sizes if size > 0]
    held = [_rows_in(connection, table, chunk.range) for chunk in plan.chunks[:: max(1, len(plan.chunks) // 50)]]
    said = [chunk.rows for chunk in plan.chunks[:: max(1, len(plan.chunks) // 50)]]
    return {
        "chunks (count)": len(plan.chunks),
        "oversized groups apart (count)": len(plan.oversized),
        "largest other chunk / rows wanted": ordinary[-1] / WANTED,
        "first percentile / rows wanted": ordinary[len(ordinary) // 100] / WANTED,
        "rows in all chunks / rows of the table": plan.rows / total,
        "rows counted by predicate / planned (50 chunks)": sum(held) / sum(said),
    }


def _rows_in(connection: TaskConnection, table: Table, range_: object) -> int:
    condition, values = predicate(range_, table.key, "", 1)  # type: ignore[arg-type]
    row = psycopg.RawCursor(connection).execute(f"select count(*) from visit where {condition}", values).fetchone()
    return row[0] if row else 0


if __name__ == "__main__":
    main()
