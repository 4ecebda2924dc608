"""What Stepwell does to data, beside the plainest way that PostgreSQL has, on the same machine in turns.

    ./dev bench data                 all parts, with the rows that the goals are set for (about an hour)
    ./dev bench data plan update     these parts
    ./dev bench data copy --rows 200000 --runs 5

Parts: plan (10 M rows into chunks), update (an UPDATE join in chunks, by the whole product; psql, 1 and 2 lanes), lanes
(the same, 2 and 5 lanes; 2 and 5 bare connections), load (by swap), copy (from one PostgreSQL into another), peers (the
same by dlt and pandas), resume (1,000 chunks that are done, and what a chunk costs), sleep (60 s of work, 5 s an
invocation). `psql` is the one that comes with the embedded PostgreSQL.
"""

from argparse import ArgumentParser
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.parts import copy, load, peers, plan, resume, sleep, update
from benchmarks.parts.measured import Measured, tell


class Part(NamedTuple):
    """`measure(rows, runs)`, and the rows for which its goals are set."""

    measure: Callable[[int, int], Measured]
    rows: int


PARTS = {
    "plan": Part(plan.measure, 10_000_000),
    "update": Part(update.measure, 2_000_000),
    "lanes": Part(update.measure_lanes, 2_000_000),
    "load": Part(load.measure, 2_000_000),
    "copy": Part(copy.measure, 5_000_000),
    "peers": Part(peers.measure, 200_000),
    "resume": Part(resume.measure, 10_000),
    "sleep": Part(sleep.measure, 2_200),
}


def main() -> None:
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (default: all)")
    parser.add_argument("--rows", type=int, help="rows, instead of those that the goals are set for")
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each row (default: 5)")
    parser.add_argument("--json", action="store_true", help="print a JSON object for each part")
    chosen = parser.parse_args()
    if unknown := [name for name in chosen.parts if name not in PARTS]:
        parser.error(f"no part is called {', '.join(unknown)}; the parts are {', '.join(PARTS)}")
    for name in chosen.parts or PARTS:
        part = PARTS[name]
        tell(part.measure(chosen.rows or part.rows, chosen.runs), chosen.json)


if __name__ == "__main__":
    main()
