#!/usr/bin/env python3
"""How fast the engine is, every event on disk (WAL, synchronous=FULL), driven by boto3 from another process.

With --peers beside ministack and moto (in memory) and DBOS (SQLite), each in an environment of its own that is made at
the first use and kept; always beside what the machine allows. Contenders take turns; a figure is the median of its
counted turns. Exit code 1 when a goal is missed.
"""

import json
import os
import platform
import sys
import tempfile
from argparse import Namespace
from functools import partial
from pathlib import Path

from benchmarks.common import options
from benchmarks.peers import floors
from benchmarks.peers.servers import ministack, moto, stepwell
from benchmarks.rows import asl, journals, tasks
from benchmarks.rows.rows import Bench


def limits(bench: Bench) -> None:
    """What no engine can beat here."""
    for rows in (1, 100):
        bench.turns(
            f"SQLite, {rows} row(s) a commit", "commits/s", {"disk": partial(floors.commits, bench.folder, rows)}
        )
    bench.turns("round trip to another process", "ms", {"pipe": floors.round_trip})
    with floors.Static([b"{}"]) as static:
        bench.turns("two bare boto3 calls", "ms", {"static answer": partial(floors.two_calls, static)})


ROWS = {"limits": limits} | asl.ROWS | tasks.ROWS | journals.ROWS


def main() -> None:
    parser = options(__doc__ or "", runs=5)
    parser.add_argument("--peers", action="store_true", help="run ministack, moto and DBOS beside it (installs them)")
    parser.add_argument("--only", metavar="ROW,…", default=",".join(ROWS), help=f"of: {', '.join(ROWS)}")
    chosen = parser.parse_args()
    names = chosen.only.split(",")
    if not set(names) <= ROWS.keys():
        parser.error(f"--only takes some of: {', '.join(ROWS)}")
    engines = [stepwell(), *((ministack(), moto()) if chosen.peers else ())]
    with tempfile.TemporaryDirectory(prefix="stepwell-bench-") as folder:
        bench = Bench(Path(folder), engines, chosen)
        try:
            for name in names:
                ROWS[name](bench)
        finally:
            bench.close()
        report(bench, chosen)
    sys.exit(0 if all(goal.holds for goal in bench.goals) else 1)


def report(bench: Bench, chosen: Namespace) -> None:
    machine = f"{os.cpu_count()} CPUs, Python {platform.python_version()}, {platform.system()}"
    if chosen.json:
        rows = [row._asdict() | {"median": row.median} for row in bench.rows]
        goals = [goal._asdict() | {"holds": goal.holds} for goal in bench.goals]
        print(json.dumps({"machine": machine, "rows": rows, "goals": goals}))
        return
    print(f"{machine}; median [lowest .. highest] of interleaved turns\n")
    wide, narrow = max(len(row.measure) for row in bench.rows), max(len(row.name) for row in bench.rows)
    before = ""
    for row in bench.rows:
        measure, before = ("" if row.measure == before else row.measure), row.measure
        low, high = number(min(row.values)), number(max(row.values))
        print(f"  {measure:<{wide}}  {row.name:<{narrow}}  {number(row.median):>9} {row.unit}  [{low} .. {high}]")
    print()
    wide = max([len(goal.text) for goal in bench.goals], default=0)
    for goal in bench.goals:
        bound = f"{'at most' if goal.at_most else 'at least'} {number(goal.bound)}"
        print(f"  {goal.text:<{wide}}  {number(goal.value):>9}  {bound:<16}  {'holds' if goal.holds else 'MISSED'}")


def number(value: float) -> str:
    return (
        f"{value:,.0f}"
        if value >= 100
        else f"{value:.1f}"
        if value >= 10
        else f"{value:.2f}"
        if value >= 1
        else f"{value:.3f}"
    )


if __name__ == "__main__":
    main()
