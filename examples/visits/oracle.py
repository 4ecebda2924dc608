"""What the conflicts must be, found without the pipeline: a sweep over the source rows in plain Python."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from hashlib import md5
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import psycopg

Conflict = tuple[date, str, str | None, timedelta]  # day, person, the carer's region, delay
Span = tuple[datetime, int, datetime]  # start, visit, end

WINDOW = "visit_date > %(as_of)s - %(days)s AND visit_date <= %(as_of)s"

# The key's order only brings each person's day together; all the rest is decided here.
SOURCE = f"""
SELECT visit_date, person, visit_id, starts_at, ends_at, carer_id, kind, cancelled
FROM care.visits WHERE {WINDOW} OR visit_date IS NULL
ORDER BY visit_date, person
"""
OPEN_CONFLICTS = f"""
SELECT visit_id, visit_date, person, region, delay
FROM care.conflicts WHERE {WINDOW} AND resolved_on IS NULL
"""


class Answer(NamedTuple):
    """One side of the comparison: what the pipeline found, or what it should have found."""

    staged: int
    conflicts: dict[int, Conflict]

    @property
    def checksum(self) -> str:
        digest = md5(f"{self.staged} staged\n".encode(), usedforsecurity=False)
        for visit, (day, person, region, delay) in sorted(self.conflicts.items()):
            digest.update(f"{visit}|{day}|{person}|{region}|{delay.total_seconds():.6f}\n".encode())
        return digest.hexdigest()


def differences(expected: Answer, found: Answer) -> Iterator[str]:
    """One line for each visit on which the two do not agree."""
    if expected.staged != found.staged:
        yield f"staging.visits should have {expected.staged:,} rows"
    for visit in sorted(expected.conflicts.keys() | found.conflicts.keys()):
        wanted, got = expected.conflicts.get(visit), found.conflicts.get(visit)
        if wanted != got:
            yield f"visit {visit:>12}  expected {told(wanted)}, found {told(got)}"


def told(conflict: Conflict | None) -> str:
    return " ".join(str(part) for part in conflict) if conflict else "no conflict"


def found(connection: psycopg.Connection, as_of: date, days: int) -> Answer:
    """What the pipeline left in its tables."""
    window = {"as_of": as_of, "days": days}
    with connection.cursor(binary=True) as cursor:
        rows = cursor.execute(OPEN_CONFLICTS, window)
        return Answer(rows_of(connection, "staging.visits"), {visit: tuple(rest) for visit, *rest in rows})


def rows_of(connection: psycopg.Connection, table: str) -> int:
    return sum(rows for (rows,) in connection.execute(f"SELECT count(*) FROM {table}"))


def expected(connection: psycopg.Connection, as_of: date, days: int) -> Answer:
    """What it should have left, from the source tables; holds one person's day in memory at a time."""
    region_of: dict[int, str] = dict(connection.execute("SELECT carer_id, region FROM care.carers"))
    together = {kind for (kind,) in connection.execute("SELECT kind FROM care.kinds WHERE together")}
    staged, conflicts = 0, {}
    with connection.transaction(), connection.cursor("source", binary=True) as cursor:
        cursor.itersize = 20_000
        cursor.execute(SOURCE, {"as_of": as_of, "days": days})
        for (day, person), rows in groupby(cursor, key=itemgetter(0, 1)):
            spans: list[Span] = []
            carer_of = {}
            for _, _, visit, starts, ends, carer, kind, cancelled in rows:
                staged += 1
                carer_of[visit] = carer
                if not cancelled and kind not in together:
                    spans.append((starts, visit, ends))
            if day is not None and person is not None:
                for visit, delay in overlaps(spans):
                    conflicts[visit] = (day, person, region_of.get(carer_of[visit]), delay)
    return Answer(staged, conflicts)


def overlaps(spans: Iterable[Span]) -> Iterator[tuple[int, timedelta]]:
    """The visits that overlap another one, each with the time that it waits for those before it."""
    starts = [(start, True, visit, end) for start, visit, end in spans]
    events = sorted(starts + [(end, False, visit, end) for _, _, visit, end in starts])
    waits: dict[int, timedelta] = {}
    alone: set[int] = set()  # those running that have met no other yet
    running, busy_until = 0, datetime.min
    for moment, begins, visit, end in events:  # at one moment visits end before others begin: touching is fine
        if begins:
            running += 1
            alone.add(visit)
            waits[visit] = max(busy_until - moment, timedelta(0))
            busy_until = max(busy_until, end)
            if running > 1:
                yield from ((other, waits[other]) for other in alone)
                alone.clear()
        else:
            running -= 1
            alone.discard(visit)
