"""That a task is done in chunks: of which table, cut by which key, how many at the same time; and the part of one."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stepwell.etl.ranges import Key, Range

LONGEST = 30 * 86_400  # seconds
MOST_LANES = 40  # Step Functions: iterations of an inline Map at the same time


class Chunks:
    """The rows of `table` are cut by the columns `by` into chunks of about `rows` rows, each applied exactly once.

    Rows with the same key stay together. `parallel` chunks run at the same time, for at most `deadline` seconds in all.
    The task fails as soon as more than `tolerate` chunks have failed. `functions` are functions of yours that the SQL
    uses, each with the reason why it gives the same in chunks: `{"distance": "reads nothing but its arguments"}`.
    """

    __slots__ = ("by", "deadline", "functions", "parallel", "rows", "table", "tolerate")

    def __init__(
        self,
        table: str,
        by: str | Sequence[str],
        rows: int = 10_000,
        parallel: int = 5,
        deadline: int = 21_600,
        tolerate: int = 0,
        functions: Mapping[str, str] | None = None,
    ) -> None:
        self.table = table
        self.by = (by,) if isinstance(by, str) else tuple(by)
        self.rows = rows
        self.parallel = parallel
        self.deadline = deadline
        self.tolerate = tolerate
        self.functions = dict(functions or {})

    def __repr__(self) -> str:
        return f"Chunks({self.table!r}, by={self.by!r}, rows={self.rows!r}, parallel={self.parallel!r})"

    def mistakes(self) -> list[tuple[str, str]]:
        """What is wrong, and the remedy."""
        found = []
        if not isinstance(self.table, str) or not self.table.strip():
            found.append((f"Chunks({self.table!r})", "name the table that is cut: Chunks('staging.visits', by=…)"))
        columns_are_names = all(isinstance(name, str) and name for name in self.by)
        if not self.by or not columns_are_names or len(set(self.by)) < len(self.by):
            found.append((f"Chunks(by={self.by!r})", "name one or more different columns, as ('visit_date', 'person')"))
        for name, low, high in (
            ("rows", 1, 100_000_000),
            ("parallel", 1, MOST_LANES),
            ("deadline", 1, LONGEST),
            ("tolerate", 0, 2**31),
        ):
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                found.append((f"Chunks({name}={value!r})", f"give a whole number from {low:,} to {high:,}"))
        return found


class Chunk:
    """The part of the table that a Python task is to work on now: its keys, and how many `rows` it had when planned.

    connection.execute(f"UPDATE visits SET seen = true WHERE {chunk.sql()}", chunk.params)
    """

    __slots__ = ("_key", "_range", "params", "rows")

    def __init__(self, range_: "Range", key: "Key", rows: int) -> None:
        from stepwell.etl.ranges import named_predicate

        self._range, self._key, self.rows = range_, key, rows
        self.params: dict[str, Any] = named_predicate(range_, key, "", "chunk")[1]

    def sql(self, alias: str = "") -> str:
        """The condition that is true for the rows of this chunk; its values are in `params`."""
        from stepwell.etl.ranges import named_predicate, quoted

        return "(" + named_predicate(self._range, self._key, alias and quoted(alias), "chunk")[0] + ")"
