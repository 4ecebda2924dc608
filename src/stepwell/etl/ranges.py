"""A chunk's range of keys, and the condition by which PostgreSQL finds its rows, each row in exactly one range.

Keys are texts as PostgreSQL prints them. They are cast back to the column's type and compared by the database alone,
since only it knows a column's collation.
"""

from collections.abc import Callable
from typing import NamedTuple

Values = tuple[str | None, ...]


class Key(NamedTuple):
    """The columns by which a table is cut: their names, their types (as `format_type` gives them), may they be NULL?"""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    nullable: tuple[bool, ...]


class Range(NamedTuple):
    """Keys from `lo` (included) up to `hi` (not included); None is open.

    `null` is the index of the key column that is NULL, where the columns before it are not; then there are no bounds.
    `shape` is how bounds in different values of the first column are written: "edges" (what lies between them, and
    the two edges) or "rows" (rows are compared). Bounds that are equal in the first column have the same text there:
    the plan sees to that for types in which 1.0 equals 1.00.
    """

    lo: Values | None
    hi: Values | None
    null: int | None = None
    shape: str = "rows"


def join(first: Range, last: Range) -> Range:
    """The range from the beginning of `first` to the end of `last`; between them no key may be missing."""
    if first == last:
        return first
    if first.null is not None or last.null is not None:
        raise ValueError("a range of NULL keys has no neighbours")
    return Range(first.lo, last.hi, None, "rows" if "rows" in (first.shape, last.shape) else "edges")


def predicate(range_: Range, key: Key, alias: str, first: int) -> tuple[str, list[str | None]]:
    """The condition on `alias` (a quoted identifier, or ""), with placeholders from `$first` on, and their values."""
    writer = _Writer(key, alias, lambda index: f"${first + index}")
    return writer.condition(range_), writer.values


def named_predicate(range_: Range, key: Key, alias: str, prefix: str) -> tuple[str, dict[str, str | None]]:
    """The same for psycopg's other way of binding: placeholders are `%(prefix1)s`, `%(prefix2)s` …"""
    writer = _Writer(key, alias, lambda index: f"%({prefix}{index + 1})s", escape=True)
    condition = writer.condition(range_)
    return condition, {f"{prefix}{number}": value for number, value in enumerate(writer.values, 1)}


def literal_predicate(range_: Range, key: Key, alias: str, literal: Callable[[str | None], str]) -> str:
    """The same with its values written out, for a COPY, which cannot bind."""
    writer = _Writer(key, alias, lambda index: literal(writer.values[index]))
    return writer.condition(range_)


class _Writer:
    def __init__(self, key: Key, alias: str, mark: Callable[[int], str], escape: bool = False) -> None:
        columns = [f"{alias}.{quoted(name)}" if alias else quoted(name) for name in key.columns]
        self._columns = [column.replace("%", "%%") for column in columns] if escape else columns
        self._key = key
        self._mark = mark
        self.values: list[str | None] = []

    def condition(self, range_: Range) -> str:
        conditions = self.null(range_.null) if range_.null is not None else self.bounds(range_)
        return " AND ".join(conditions) or "true"

    def null(self, column: int) -> list[str]:
        return [*self._not_null(0, column), f"{self._columns[column]} IS NULL"]

    def bounds(self, range_: Range) -> list[str]:
        """A row with a NULL behind the first column would be inside the bounds too; it belongs to the NULLs' range."""
        conditions = self._between(range_.lo, range_.hi, range_.shape)
        return [*conditions, *self._not_null(1 if conditions else 0, len(self._columns))]

    def _between(self, low: Values | None, high: Values | None, shape: str) -> list[str]:
        if low is not None and high is not None and low[0] == high[0]:
            return self._equal(low, high)
        lo = None if low is None else self._bind(low)
        hi = None if high is None else self._bind(high)
        if shape == "rows" or len(self._columns) == 1:
            return self._compared(lo, hi)
        return self._edges(lo, hi)

    def _edges(self, lo: list[str] | None, hi: list[str] | None) -> list[str]:
        """Ways that exclude each other, each a part of an index on the key.

        PostgreSQL joins them to one bitmap, and its estimate is the sum of theirs.
        """
        column = self._columns[0]
        ways = [" AND ".join([*([f"{column} > {lo[0]}"] if lo else []), *([f"{column} < {hi[0]}"] if hi else [])])]
        ways += [f"{column} = {lo[0]} AND {self._rows('>=', lo, 1)}"] if lo else []
        ways += [f"{column} = {hi[0]} AND {self._rows('<', hi, 1)}"] if hi else []
        return [f"({' OR '.join(ways)})"] if ways[0] else []

    def _compared(self, lo: list[str] | None, hi: list[str] | None) -> list[str]:
        """Two comparisons of rows are estimated as if they were independent, up to a thousand times too many rows.

        The bounds of the first column put that right, if not at the ends of the table. This is for partitioned tables:
        of `(… OR …) AND column IS NOT NULL`, which any task may add, PostgreSQL up to 18 loses the default partition.
        """
        column = self._columns[0]
        both = lo and hi and len(self._columns) > 1
        leading = [f"{column} >= {lo[0]}", f"{column} <= {hi[0]}"] if lo and hi and both else []
        return [*leading, *([self._rows(">=", lo)] if lo else []), *([self._rows("<", hi)] if hi else [])]

    def _equal(self, low: Values, high: Values) -> list[str]:
        """Equality on the columns in which both bounds agree, then the rest."""
        same = next((i for i, (lower, upper) in enumerate(zip(low, high, strict=True)) if lower != upper), 0)
        lo = self._bind(low)
        equal = [f"{self._columns[i]} = {lo[i]}" for i in range(same)]
        hi = [*lo[:same], *self._bind(high, same)]
        return [*equal, self._rows(">=", lo, same), self._rows("<", hi, same)]

    def _rows(self, operator: str, bound: list[str], start: int = 0) -> str:
        left, right = self._columns[start:], bound[start:]
        if len(left) == 1:
            return f"{left[0]} {operator} {right[0]}"
        return f"({', '.join(left)}) {operator} ({', '.join(right)})"

    def _bind(self, bound: Values, start: int = 0) -> list[str]:
        """Their placeholders; only what is used is bound, since PostgreSQL asks for the type of each."""
        at = len(self.values)
        self.values += bound[start:]
        return [f"{self._mark(at + i)}::text::{kind}" for i, kind in enumerate(self._key.types[start:])]

    def _not_null(self, first: int, end: int) -> list[str]:
        nullable = zip(self._columns[first:end], self._key.nullable[first:end], strict=True)
        return [f"{column} IS NOT NULL" for column, may_be in nullable if may_be]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
