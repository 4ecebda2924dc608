"""A database in which a task is run whole and in chunks, and put back in between; what it leaves is compared."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from stepwell.etl.connection import TaskConnection, connect
from stepwell.etl.narrow import Narrowed, narrow
from stepwell.etl.ranges import Key, Range
from stepwell.etl.script import Script

HERE = Path(__file__).parent
PARAMS: dict[str, Any] = {"as_of": "2026-01-10", "limit": 30, "person": "p05"}
CHUNKS = 9
DRIVING = "src.visits"
Contents = dict[str, Counter[str]]


class Task(NamedTuple):
    """A file of the corpus and what its head says."""

    name: str
    text: str
    safe: bool
    refused: str
    by: tuple[str, ...]

    @property
    def script(self) -> Script:
        return Script.parse(self.text, f"{self.name}.sql")


def corpus() -> list[Task]:
    return [_task(path) for path in sorted((HERE / "corpus").glob("*.sql"))]


def _task(path: Path) -> Task:
    text = path.read_text()
    head = dict(line[3:].split(": ", 1) for line in text.splitlines() if line.startswith("-- ") and ": " in line)
    by = tuple(head.get("by", "visit_date, person").split(", "))
    return Task(path.stem, text, "safe" in head, head.get("refused", ""), by)


class World:
    """The corpus' database. `whole` and `chunked` run a task, tell all tables' rows, and put everything back."""

    def __init__(self, url: str, rows: int = 2000) -> None:
        self.connection: TaskConnection = connect(url, "test")
        self.connection.execute((HERE / "schema.sql").read_text())
        self.connection.execute(f"delete from src.visits where visit_id > {rows}")
        found = self.connection.execute("""
            select format('%I.%I', schemaname, tablename) from pg_tables
            where schemaname in ('public', 'src') order by 1
        """)
        self.tables = [row[0] for row in found]
        self.connection.execute("create schema kept")
        for table in self.tables:
            name = table.partition(".")[2]
            self.connection.execute(f"create table kept.{name} as table {table}")
        self.connection.commit()
        self._ranges: dict[tuple[str, ...], list[Range]] = {}

    def narrow(self, script: Script, by: Sequence[str], **options: Any) -> Narrowed:
        """In a transaction that is rolled back."""
        try:
            return narrow(script, DRIVING, by, self.connection, **options)
        finally:
            self.connection.rollback()

    def whole(self, script: Script) -> Contents:
        def run() -> None:
            for statement in script.statements:
                self._execute(statement.text, [PARAMS[name] for name in statement.names])
            self.connection.commit()

        return self._result(run)

    def chunked(self, narrowed: Narrowed, seed: int = 0) -> Contents:
        """Each chunk in a transaction of its own, in an order of chance."""
        ranges = list(self.ranges(narrowed.key))
        random.Random(seed).shuffle(ranges)

        def run() -> None:
            for range_ in ranges:
                for statement in narrowed.statements:
                    text, values = statement.render(range_)
                    self._execute(text, [*(PARAMS[name] for name in statement.names), *values])
                self.connection.commit()

        return self._result(run)

    def ranges(self, key: Key) -> list[Range]:
        """Equal shares of the keys in order, and the NULLs of each column."""
        if key.columns not in self._ranges:
            columns = ", ".join(key.columns)
            whole = " and ".join(f"{name} is not null" for name in key.columns)
            texts = ", ".join(f"{name}::text" for name in key.columns)
            order = ", ".join(f"k.{name}" for name in key.columns)
            query = f"select {texts} from (select distinct {columns} from {DRIVING} where {whole}) k order by {order}"
            keys = [tuple(row) for row in self.connection.execute(query)]
            bounds = [None, *(keys[len(keys) * n // CHUNKS] for n in range(1, CHUNKS)), None]
            nulls = [Range(None, None, at) for at, nullable in enumerate(key.nullable) if nullable]
            pairs = enumerate(pairwise(bounds))
            shaped = [Range(lo, hi, None, "edges" if at % 2 else "rows") for at, (lo, hi) in pairs]
            self._ranges[key.columns] = [*shaped, *nulls]
            self.connection.rollback()
        return self._ranges[key.columns]

    def _execute(self, text: str, values: list[Any]) -> None:
        psycopg.RawCursor(self.connection).execute(text, values)

    def _result(self, run: Callable[[], None]) -> Contents:
        with self._put_back():
            run()
            return {table: Counter(str(row[0]) for row in self._rows(table)) for table in self.tables}

    def _rows(self, table: str) -> Iterator[tuple[Any, ...]]:
        return iter(self.connection.execute(f"select t::text from {table} t").fetchall())

    @contextmanager
    def _put_back(self) -> Iterator[None]:
        try:
            yield
        finally:
            self.connection.rollback()
            self.connection.execute("alter sequence numbers restart; alter sequence numbered_id_seq restart")
            for table in self.tables:
                name = table.partition(".")[2]
                self.connection.execute(
                    f"truncate {table}; insert into {table} overriding system value table kept.{name}"
                )
            self.connection.commit()


def difference(whole: Contents, chunked: Contents) -> str:
    """The first rows that only one way of running leaves; empty if both are equal."""
    told = []
    for table, rows in whole.items():
        lost, gained = rows - chunked[table], chunked[table] - rows
        if lost or gained:
            told.append(f"{table}: lost {list(lost.elements())[:3]}, gained {list(gained.elements())[:3]}")
    return "\n".join(told)
