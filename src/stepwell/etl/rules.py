"""The kinds of check: what each asks of the data, and what it tells when the answer is not as it must be."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from stepwell.errors import ConfigurationError, DataError
from stepwell.etl.redact import redacted
from stepwell.etl.script import Script

if TYPE_CHECKING:
    from stepwell.etl.connection import TaskConnection

_SHOWN = 5  # rows that a finding shows
_WIDEST = 40, 240  # characters of a value, of a row
_QUERIES = ("select", "values", "table", "with")


class Finding(NamedTuple):
    """What is wrong, with its numbers, and some of the rows, each as `column=value, …`."""

    text: str
    rows: list[str]


class Ask:
    """Puts a check's questions to the database, in the task's transaction and within its time."""

    __slots__ = ("connection", "params", "table", "where")

    def __init__(self, connection: "TaskConnection", table: str, params: Mapping[str, Any], where: str) -> None:
        self.connection = connection
        self.table = table  # quoted, or "" where a check needs none
        self.params = params
        self.where = where  # what an error says in place of a file's name

    def one(self, text: str, **values: Any) -> tuple[Any, ...]:
        """The first row of a query of ours, with `:name` parameters."""
        row: tuple[Any, ...] = self._run(text, values).fetchone()
        return row

    def shown(self, text: str) -> list[str]:
        return _texts(self._run(f"{text} limit {_SHOWN}", {}))

    def users(self, text: str, before: str = "", after: str = "") -> Any:
        """A cursor with the answer to a query of the user's, wrapped into one of ours."""
        return self._run(text, self.params, before, after)

    def _run(self, text: str, params: Mapping[str, Any], before: str = "", after: str = "") -> Any:
        from stepwell.etl.run import execute, values_of

        script = Script.parse(text, self.where)
        statement = script.statements[0]
        return execute(self.connection, statement, values_of(script, statement, params), before, after)


class Check:
    """A rule for the data of a task. `label` is how it was written down."""

    __slots__ = ("label", "table")
    about_table = True

    def __init__(self, label: str, table: str | None = None) -> None:
        self.label = label
        self.table = table

    def __repr__(self) -> str:
        return self.label

    def mistakes(self, params: Mapping[str, Any]) -> list[str]:
        """What is wrong with the check itself."""
        return []

    def finding(self, ask: Ask) -> Finding | None:
        """What breaks the rule; None if nothing does."""
        raise NotImplementedError


class RowCount(Check):
    __slots__ = ("max", "min")

    def __init__(self, label: str, table: str | None, least: int | None, most: int | None) -> None:
        super().__init__(label, table)
        self.min = least
        self.max = most

    def mistakes(self, params: Mapping[str, Any]) -> list[str]:
        given = [number for number in (self.min, self.max) if number is not None]
        if not given:
            return ["needs min=, max= or both"]
        if any(type(number) is not int or number < 0 for number in given):
            return ["min and max are whole numbers from 0"]
        return ["min is larger than max, so that nothing fits"] if given != sorted(given) else []

    def finding(self, ask: Ask) -> Finding | None:
        [rows] = ask.one(f"select count(*) from {ask.table}")
        if self.min is not None and rows < self.min:
            return Finding(f"there are {rows:,} rows, fewer than {self.min:,}", [])
        if self.max is not None and rows > self.max:
            return Finding(f"there are {rows:,} rows, more than {self.max:,}", [])
        return None


class NotNull(Check):
    __slots__ = ("columns",)

    def __init__(self, label: str, table: str | None, columns: Sequence[str]) -> None:
        super().__init__(label, table)
        self.columns = tuple(columns)

    def mistakes(self, params: Mapping[str, Any]) -> list[str]:
        return _about_columns(self.columns)

    def finding(self, ask: Ask) -> Finding | None:
        empty = [f"{_quoted(column)} is null" for column in self.columns]
        counts = ", ".join(f"count(*) filter (where {condition})" for condition in empty)
        rows, *nulls = ask.one(f"select count(*), {counts} from {ask.table}")
        found = [(column, count) for column, count in zip(self.columns, nulls, strict=True) if count]
        if not found:
            return None
        text = ", ".join(f"{count:,} without {column}" for column, count in found)
        broken = " or ".join(condition for condition, count in zip(empty, nulls, strict=True) if count)
        return Finding(f"of {rows:,} rows {text}", ask.shown(f"select * from {ask.table} where {broken}"))


class Unique(Check):
    """As a UNIQUE constraint sees it: rows in which one of the columns is NULL are not compared."""

    __slots__ = ("columns",)

    def __init__(self, label: str, table: str | None, columns: Sequence[str]) -> None:
        super().__init__(label, table)
        self.columns = tuple(columns)

    def mistakes(self, params: Mapping[str, Any]) -> list[str]:
        return _about_columns(self.columns)

    def finding(self, ask: Ask) -> Finding | None:
        names = [_quoted(column) for column in self.columns]
        key, full = ", ".join(names), " and ".join(f"{name} is not null" for name in names)
        groups = f"from {ask.table} where {full} group by {key} having count(*) > 1"
        values, rows = ask.one(f"select count(*), sum(n) from (select count(*) as n {groups}) as doubled")
        if not values:
            return None
        what = "value occurs" if values == 1 else "values occur"
        text = f"{values:,} {what} more than once, in {rows:,} rows"
        return Finding(text, ask.shown(f'select {key}, count(*) as "rows" {groups} order by count(*) desc'))


class Freshness(Check):
    __slots__ = ("column", "within")

    def __init__(self, label: str, table: str | None, column: str, within: str) -> None:
        super().__init__(label, table)
        self.column = column
        self.within = within

    def mistakes(self, params: Mapping[str, Any]) -> list[str]:
        within = [] if self.within.strip() else ["within= must be a time span, like '2 days' or '36 hours'"]
        return _about_columns([self.column]) + within

    def finding(self, ask: Ask) -> Finding | None:
        self._must_be_interval(ask)
        newest = f"max({_quoted(self.column)})"
        value, fresh, age = ask.one(
            f"select {newest}::text, {newest}::timestamptz >= now() - :within::interval, "
            f"date_trunc('second', now() - {newest}::timestamptz)::text from {ask.table}",
            within=self.within,
        )
        if fresh:
            return None
        if value is None:
            return Finding(f"no row has a value in {self.column}", [])
        return Finding(f"the newest {self.column} is {value}, {age} ago", [])

    def _must_be_interval(self, ask: Ask) -> None:
        try:
            ask.one("select :within::interval", within=self.within)
        except DataError:
            raise ConfigurationError(
                f"{ask.where}: within={self.within!r} is no time span; write one like '2 days' or '36 hours'"
            ) from None


class Reconcile(Check):
    """Two queries of one row each, compared column by column."""

    __slots__ = ("left", "right", "tolerance")
    about_table = False

    def __init__(self, label: str, left: str, right: str, tolerance: Any) -> None:
        super().__init__(label)
        self.left = left
        self.right = right
        self.tolerance = tolerance

    def mistakes(self, params: Mapping[str, Any]) -> list[str]:
        found = [mistake for text in (self.left, self.right) for mistake in _about_query(text, params)]
        wrong = not _is_number(self.tolerance) or not self.tolerance >= 0
        return [*found, f"tolerance={self.tolerance!r} must be a number from 0"] if wrong else found

    def finding(self, ask: Ask) -> Finding | None:
        names, left = self._row(ask, self.left)
        _, right = self._row(ask, self.right)
        if len(left) != len(right):
            raise ConfigurationError(
                f"{ask.where}: one query has {len(left)} columns and the other {len(right)}; they must have as many"
            )
        found = [_difference(*three, self.tolerance) for three in zip(names, left, right, strict=True)]
        text = "; ".join(filter(None, found))
        return Finding(text, []) if text else None

    def _row(self, ask: Ask, text: str) -> tuple[list[str], tuple[Any, ...]]:
        cursor = ask.users(text)
        rows = _rows(cursor)
        if len(rows) != 1:
            count = "no row" if not rows else f"{cursor.rowcount:,} rows"
            raise ConfigurationError(f"{ask.where}: {short(text)} gives {count}; each query must give one")
        return [column.name for column in cursor.description], rows[0]


class BadRows(Check):
    """A query that finds what must not be there."""

    __slots__ = ("query",)
    about_table = False

    def __init__(self, label: str, query: str) -> None:
        super().__init__(label)
        self.query = query

    def mistakes(self, params: Mapping[str, Any]) -> list[str]:
        return _about_query(self.query, params)

    def finding(self, ask: Ask) -> Finding | None:
        [rows] = ask.users(self.query, "select count(*) from (", "\n) as bad_rows").fetchone()
        if not rows:
            return None
        shown = ask.users(self.query, "select * from (", f"\n) as bad_rows limit {_SHOWN}")
        return Finding(f"it finds {rows:,} {'row' if rows == 1 else 'rows'}", _texts(shown))


def short(text: str, width: int = 60) -> str:
    """A query on one line."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def _quoted(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _about_columns(columns: Sequence[object]) -> list[str]:
    if not columns:
        return ["names no column"]
    return [
        f"{column!r} is not the name of a column" for column in columns if not isinstance(column, str) or not column
    ]


def _about_query(text: object, params: Mapping[str, Any]) -> list[str]:
    if not isinstance(text, str) or len(text.split()) < 2:
        return [f"{text!r:.60} is not SQL text"]
    try:
        script = Script.parse(text, "its SQL")
        script.check(params)
    except ConfigurationError as error:
        return [error.message]
    if len(script.statements) != 1:
        return [f"its SQL must be one statement, not {len(script.statements)}"]
    words = script.statements[0].words
    return [f"its SQL must be a query, not {words[0].upper()}"] if words and words[0] not in _QUERIES else []


def _is_number(value: object) -> bool:
    from decimal import Decimal

    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _difference(name: str, left: Any, right: Any, tolerance: Any) -> str | None:
    """NULL is like NULL only: the sum of no rows is not the same as 0."""
    if left is None and right is None:
        return None
    if _is_number(left) and _is_number(right):
        from decimal import Context, Decimal

        one, other = Decimal(str(left)), Decimal(str(right))
        if one == other or (one.is_nan() and other.is_nan()):
            return None
        if one.is_finite() and other.is_finite():
            apart = Context(prec=2000).subtract(one, other)
            if abs(apart) <= Decimal(str(tolerance)):
                return None
            allowed = f", with a tolerance of {tolerance}" if tolerance else ""
            return f"{name} is {one:,f} here and {other:,f} there, a difference of {apart:,f}{allowed}"
    return None if left == right else f"{name} is {_text(left)} here and {_text(right)} there"


def _texts(cursor: Any) -> list[str]:
    names = [column.name for column in cursor.description or ()]
    lines = [", ".join(f"{n}={_text(value)}" for n, value in zip(names, row, strict=True)) for row in _rows(cursor)]
    return [_cut(line, _WIDEST[1]) for line in lines]


def _rows(cursor: Any) -> Sequence[tuple[Any, ...]]:
    """At most five; as PostgreSQL writes them where Python has no such moment: infinity, a year past 9999."""
    import psycopg

    try:
        return cursor.fetchmany(_SHOWN)  # type: ignore[no-any-return]
    except psycopg.DataError:
        result, columns = cursor.pgresult, range(len(cursor.description))
        cells = [[result.get_value(row, column) for column in columns] for row in range(min(result.ntuples, _SHOWN))]
        return [tuple(cell and cell.decode() for cell in row) for row in cells]


def _text(value: Any) -> str:
    return "NULL" if value is None else _cut(redacted(" ".join(str(value).split())), _WIDEST[0])


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
