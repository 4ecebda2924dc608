"""The example's data: `data.py generate` makes the visits of one quarter, `data.py verify` checks the conflicts found.

The same number of rows always means the same visits, on any day, machine and version of Python.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from random import Random

import oracle
import psycopg

from stepwell import postgres
from stepwell.errors import StepwellError

HERE = Path(__file__).resolve().parent

# The default data set and window, and what the pipeline must find there.
ROWS, AS_OF, LOOK_BACK = 200_000, date(2026, 6, 30), 30
CONFLICTS, CHECKSUM = 2_426, "99131978fd879146994239eb7d16bc0e"

FIRST_DAY, DAYS = date(2026, 4, 1), 91
CENTRE, CENTRE_DAY = "DAY CENTRE", date(2026, 6, 17)  # one key with 1.5 % of all rows
OPEN, CLOSE, LAST = 6 * 60, 22 * 60, 24 * 60 - 1  # minutes of the day
CLOCK = [f"{minute // 60:02}:{minute % 60:02}" for minute in range(LAST + 1)]

CARERS, REGIONS = 500, ("North", "East", "South", "West", "Centre")
KINDS = {"care": False, "meal": False, "medication": False, "lifting": True, "group": True}
HOME_KINDS = ("care",) * 10 + ("meal",) * 5 + ("medication",) * 4 + ("lifting",)
CENTRE_KINDS = ("group",) * 9 + ("care",)

Draw = Callable[[], float]
Group = tuple[date, str, int, tuple[str, ...]]  # day, person, how many visits, of which kinds


def visits(rows: int) -> Iterator[str]:
    """Blocks of COPY lines, `rows` lines in all: day by day, person by person, visit by visit."""
    draw = Random(2026).random  # noqa: S311  (the one method that Python promises never to change)
    first = 1
    for day, person, size, kinds in groups(draw, rows):
        yield "".join(lines(draw, first, size, day, person, kinds))
        first += size


def groups(draw: Draw, rows: int) -> Iterator[Group]:
    """Every day and person who is visited; a day has its share of the rows, apart from the centre's."""
    centre = rows * 15 // 1000
    for number in range(DAYS):
        day = FIRST_DAY + timedelta(number)
        left = (rows - centre) * (number + 1) // DAYS - (rows - centre) * number // DAYS
        for person in count(1):
            if not left:
                break
            size = min(group_size(draw), left)
            yield day, f"P{person:06}", size, HOME_KINDS
            left -= size
        if centre and day == CENTRE_DAY:
            yield day, CENTRE, centre, CENTRE_KINDS


def group_size(draw: Draw) -> int:
    """1 to 60 visits a day, mostly a few. Only products: `**` may differ in its last bit between machines."""
    square = (chance := draw()) * chance
    return 1 + int(60 * square * square * square * square)


def lines(draw: Draw, first: int, size: int, day: date, person: str, kinds: tuple[str, ...]) -> Iterator[str]:
    """The visits of one person on one day, as COPY wants them."""
    for number, span in enumerate(times(draw, size)):
        key, (start, end), luck = f"{day}\t{person}", span, draw()
        if luck < 0.002 and person != CENTRE:  # still to be planned; until then all stand at the same early hour
            key = (f"{day}\t\\N", f"\\N\t{person}", "\\N\t\\N")[number % 3]
            start, end = OPEN, OPEN + 30
        carer = 1 + int(draw() * CARERS) if luck < 0.97 else "\\N"
        kind, cancelled = kinds[int(draw() * len(kinds))], "t" if draw() < 0.03 else "f"
        yield f"{first + number}\t{key}\t{carer}\t{kind}\t{cancelled}\t{day} {CLOCK[start]}\t{day} {CLOCK[end]}\n"


def times(draw: Draw, size: int) -> Iterator[tuple[int, int]]:
    """Start and end of each visit in minutes: one after the other, apart from what went wrong in planning."""
    slot = max((CLOSE - OPEN) // size, 15)
    start = end = OPEN
    for number in range(size):
        luck = draw()
        if number and luck < 0.015:  # moved into the visit before it
            start += int(draw() * (end - start))
            end = start + 20
        elif not number or luck > 0.02:  # as it should be; what is left is entered twice
            start = OPEN + (CLOSE - OPEN) * number // size
            end = start + 1 + int(draw() * min(slot, 60))
            if luck > 0.998:  # took far longer than planned
                end += 2 * slot
        end = min(end, LAST)
        yield start, end


def generate(connection: psycopg.Connection, rows: int) -> str:
    """Make the tables and fill them, all in one transaction, unless there are visits already; says what it did."""
    started = time.monotonic()
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('examples/visits'))")
        cursor.execute((HERE / "schema.sql").read_bytes())
        if present := oracle.rows_of(connection, "care.visits"):
            return f"care.visits has {present:,} visits already: nothing to do"
        cursor.execute("TRUNCATE care.visits, care.carers, care.kinds")  # so that COPY may freeze its rows
        with cursor.copy("COPY care.visits FROM STDIN (FREEZE)") as copy:
            for block in visits(rows):
                copy.write(block)
        cursor.executemany("INSERT INTO care.kinds VALUES (%s, %s)", KINDS.items())
        carers = ((number, f"Carer {number}", REGIONS[number % 5]) for number in range(1, CARERS + 1))
        cursor.executemany("INSERT INTO care.carers VALUES (%s, %s, %s)", carers)
        cursor.execute("ANALYZE care.visits, care.carers, care.kinds")
    return f"care.visits filled with {rows:,} visits in {time.monotonic() - started:.1f} s"


def verify(connection: psycopg.Connection, as_of: date, days: int) -> bool:
    """Print what the pipeline found, and whether an independent check finds the same."""
    expected, found = oracle.expected(connection, as_of, days), oracle.found(connection, as_of, days)
    visits, staged, conflicts = oracle.rows_of(connection, "care.visits"), found.staged, len(found.conflicts)
    print(f"visits     {visits:>11,}")
    print(f"staged     {staged:>11,}   the {days} days up to {as_of}")
    print(f"conflicts  {conflicts:>11,}   {conflicts / max(staged, 1):.1%} of the staged visits")
    print(f"checksum   {found.checksum}")
    wrong = list(oracle.differences(expected, found))
    default = (visits, as_of, days) == (ROWS, AS_OF, LOOK_BACK)
    if default and (conflicts, found.checksum) != (CONFLICTS, CHECKSUM):
        wrong.append(f"{CONFLICTS:,} conflicts and checksum {CHECKSUM} are recorded for this data set")
    if not wrong:
        print("OK         an independent check finds the same")
        return True
    print(f"WRONG      {len(wrong):,} differences from an independent check, at first:")
    print(*wrong[:10], sep="\n")
    return False


def main() -> int:
    arguments = parse_arguments()
    try:
        with psycopg.connect(database_url(), autocommit=True) as connection:
            if arguments.command == "verify":
                return 0 if verify(connection, arguments.as_of, arguments.days) else 1
            print(generate(connection, arguments.rows))
            return 0
    except psycopg.errors.UndefinedTable as error:
        print(f"{error.diag.message_primary}: `data.py generate` makes the tables", file=sys.stderr)
    except (psycopg.Error, StepwellError) as error:
        print(error, file=sys.stderr)
    return 1


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    generating = commands.add_parser("generate", help="make and fill the tables, if they are empty")
    generating.add_argument("--rows", type=int, default=ROWS, help=f"how many visits (default {ROWS:,})")
    verifying = commands.add_parser("verify", help="compare the conflicts found with an independent check")
    verifying.add_argument("--as-of", type=date.fromisoformat, default=AS_OF, help=f"default {AS_OF}")
    verifying.add_argument("--days", type=int, default=LOOK_BACK, help=f"default {LOOK_BACK}")
    arguments = parser.parse_args()
    if arguments.command == "generate" and arguments.rows < 1:
        parser.error("--rows must be at least 1")
    return arguments


def database_url() -> str:
    """DATABASE_URL, else the embedded PostgreSQL of this folder, which is started."""
    return os.environ.get("DATABASE_URL") or postgres.start(HERE / ".stepwell")


if __name__ == "__main__":
    sys.exit(main())
