"""Whether a task does in chunks what it does as a whole, and twice what it does once: tried on the data, then undone.

Every trial runs in a transaction of its own on one snapshot, so that all of them begin with the same data whatever
others write meanwhile, and is rolled back. Chunks run in an order of chance, as lanes do. Columns that differ between
two whole runs (a number from a sequence, the time) cannot be compared, and are named.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import NamedTuple, TypeVar

from stepwell.etl.connection import TaskConnection, connect
from stepwell.etl.fence import set_limits
from stepwell.etl.proof.digest import Digest, Table, column_digests, digest, drop_temporary, rows_in, written

_LONGEST = 86_400.0  # seconds
SHOWN = 5  # rows of a difference that are told

Work = Callable[[TaskConnection], object]
T = TypeVar("T")
P = TypeVar("P")  # what names one chunk


class Difference(NamedTuple):
    """Rows of a table that one way of running leaves and the other does not, as text, at most SHOWN of each."""

    table: str
    columns: tuple[str, ...]
    expected: list[str]
    found: list[str]
    missing: int
    surplus: int


class Proof(NamedTuple):
    """What was compared, and what came of it. `skipped`: columns that differ from run to run by themselves."""

    tables: list[str]
    skipped: list[str]
    chunks: int
    in_chunks: list[Difference]
    twice: list[Difference]

    @property
    def chunk_safe(self) -> bool:
        return not self.in_chunks

    @property
    def idempotent(self) -> bool:
        return not self.twice


def prove(
    url: str, whole: Work, part: Callable[[TaskConnection, P], object], parts: Sequence[P], seed: int = 0
) -> Proof:
    """Try it. `whole` runs the task on everything, `part` on one chunk; neither may end the transaction."""
    order = list(parts)
    Random(seed).shuffle(order)  # noqa: S311  any order will do

    def in_chunks(connection: TaskConnection) -> None:
        for each in order:
            part(connection, each)
            drop_temporary(connection)

    def twice(connection: TaskConnection) -> None:
        whole(connection)
        drop_temporary(connection)
        whole(connection)

    with _Laboratory(url) as lab:
        tables = sorted({*lab.run(whole, written), *lab.run(in_chunks, written)})
        volatile = lab.volatile(whole, in_chunks, twice, tables)
        compared = [table.without(volatile.get(table.name, ())) for table in tables]
        return Proof(
            [table.name for table in tables],
            [f"{table}.{column}" for table, columns in sorted(volatile.items()) for column in sorted(columns)],
            len(order),
            lab.differences(whole, in_chunks, compared),
            lab.differences(whole, twice, compared),
        )


class _Laboratory:
    """Two connections: one keeps the snapshot, on the other all trials run."""

    def __init__(self, url: str) -> None:
        self._keeper = connect(url, "stepwell prove")
        self._bench = connect(url, "stepwell prove")
        # Whoever started it sees to the time; the server's own limits must not end what keeps the snapshot.
        self._keeper.deadline = self._bench.deadline = time.monotonic() + _LONGEST
        self._snapshot = ""

    def __enter__(self) -> "_Laboratory":
        self._keeper.execute("set transaction isolation level repeatable read")
        set_limits(self._keeper)
        row = self._keeper.execute("select pg_export_snapshot()").fetchone()
        assert row is not None
        self._snapshot = row[0]
        return self

    def __exit__(self, *_: object) -> None:
        for connection in (self._bench, self._keeper):
            connection.end(commit=False)
            connection.close()

    def run(self, work: Work, look: Callable[[TaskConnection], T]) -> T:
        """Do the work, look at what it has done, and undo it."""
        with self._trial() as connection:
            work(connection)
            return look(connection)

    @contextmanager
    def _trial(self) -> Iterator[TaskConnection]:
        connection = self._bench
        connection.execute("set transaction isolation level repeatable read")
        connection.execute(f"set transaction snapshot '{self._snapshot}'")
        set_limits(connection)
        connection.guarded = True
        try:
            yield connection
        finally:
            connection.end(commit=False)

    def volatile(self, whole: Work, in_chunks: Work, twice: Work, tables: list[Table]) -> dict[str, set[str]]:
        """Columns that differ between two whole runs; looked for only where something differs at all."""
        if not any(self._differ(whole, other, tables) for other in (in_chunks, twice)):
            return {}
        first, second = (self.run(whole, lambda c: [column_digests(c, table) for table in tables]) for _ in range(2))
        found = {
            table.name: {column for column in table.columns if one[column] != other[column]}
            for table, one, other in zip(tables, first, second, strict=True)
        }
        return {name: columns for name, columns in found.items() if columns}

    def _differ(self, one: Work, other: Work, tables: list[Table]) -> dict[Table, set[int]]:
        """The tables that differ, with the buckets in which they do."""
        first, second = (self.run(work, lambda c: [digest(c, table) for table in tables]) for work in (one, other))
        pairs = zip(tables, first, second, strict=True)
        return {table: buckets for table, mine, yours in pairs if (buckets := _buckets(mine, yours))}

    def differences(self, one: Work, other: Work, tables: list[Table]) -> list[Difference]:
        apart = self._differ(one, other, tables)
        if not apart:
            return []

        def look(connection: TaskConnection) -> list[dict[str, int]]:
            return [rows_in(connection, table, buckets) for table, buckets in apart.items()]

        expected, found = self.run(one, look), self.run(other, look)
        return [_difference(*each) for each in zip(apart, expected, found, strict=True)]


def _buckets(mine: Digest, yours: Digest) -> set[int]:
    return {bucket for bucket in mine.keys() | yours.keys() if mine.get(bucket) != yours.get(bucket)}


def _difference(table: Table, expected: dict[str, int], found: dict[str, int]) -> Difference:
    missing = _beyond(expected, found)
    surplus = _beyond(found, expected)
    return Difference(table.name, table.columns, missing[:SHOWN], surplus[:SHOWN], len(missing), len(surplus))


def _beyond(many: dict[str, int], few: dict[str, int]) -> list[str]:
    """Each row as often as it is there more often than in the other."""
    return [row for row in sorted(many) for _ in range(many[row] - few.get(row, 0))]
