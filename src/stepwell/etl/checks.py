"""What must hold for the data of a task before it is committed: checks, and running them in the task's transaction."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stepwell.errors import CheckFailed, ConfigurationError
from stepwell.etl.rules import Ask, BadRows, Check, Finding, Freshness, NotNull, Reconcile, RowCount, Unique, short

if TYPE_CHECKING:
    from datetime import timedelta

    from stepwell.etl.connection import TaskConnection

_TABLE = "select to_regclass($1)::text"


def row_count(*, min: int | None = None, max: int | None = None, table: str | None = None) -> Check:  # noqa: A002
    """The table has at least `min` and at most `max` rows."""
    given = [f"{name}={value:,}" for name, value in (("min", min), ("max", max)) if value is not None]
    return RowCount(f"row_count({', '.join(given)})", table, min, max)


def not_null(*columns: str, table: str | None = None) -> Check:
    """No row has NULL in one of the columns."""
    return NotNull(f"not_null({_names(columns)})", table, columns)


def unique(*columns: str, table: str | None = None) -> Check:
    """No two rows are the same in all of the columns; rows with NULL in one of them are not compared."""
    return Unique(f"unique({_names(columns)})", table, columns)


def freshness(column: str, *, within: "str | timedelta", table: str | None = None) -> Check:
    """The newest value of a date or timestamp column is at most so old: `"2 days"`, `"36 hours"`."""
    span = within if isinstance(within, str) else f"{within.total_seconds():g} seconds"
    return Freshness(f"freshness({column}, within {span})", table, column, span)


def reconcile(left: str, right: str, *, tolerance: Any = 0) -> Check:
    """Two queries give the same one row. Numbers may differ by `tolerance`; everything else must be equal."""
    return Reconcile(f"reconcile({short(left)}, {short(right)})", left, right, tolerance)


def check(query: str, *, name: str | None = None) -> Check:
    """The query finds no row: what it finds is wrong."""
    return BadRows(f"check({name or short(query)})", query)


def mistakes(checks: Sequence[object], table: str | None, params: Mapping[str, Any]) -> list[str]:
    """What can be known to be wrong with the checks of a task without a database."""
    found = []
    for each in checks:
        if not isinstance(each, Check):
            found.append(f"{each!r:.60} is not a check; write one like row_count(min=1) or not_null('id')")
            continue
        found += [f"{each.label}: {mistake}" for mistake in each.mistakes(params)]
        if each.about_table and not (each.table or table):
            found.append(f"{each.label}: give the table that it is about, table='schema.name'")
    return found


def run_checks(
    connection: "TaskConnection",
    checks: Sequence[Check],
    table: str | None,
    place: str,
    params: Mapping[str, Any] | None = None,
) -> int:
    """Run all checks in the connection's transaction; answers how many there were.

    `table` is what the checks are about that name no table of their own, `place` where they are written down
    ("pipeline.py:12"). Raises CheckFailed that tells every check that failed, its numbers and some of the rows, and
    the errors of `explain` for a check that cannot be asked, since its column does not exist.
    """
    given = params or {}
    wrong = mistakes(checks, table, given)
    if wrong:
        raise ConfigurationError("\n".join(f"{place}: {mistake}" for mistake in wrong))
    tables: dict[str, str] = {}
    failed = []
    for each in checks:
        where = f"{place}: {each.label}"
        name = (each.table or table or "") if each.about_table else ""
        if name and name not in tables:
            tables[name] = _found(connection, name, where)
        finding = each.finding(Ask(connection, tables.get(name, ""), given, where))
        if finding:
            failed.append(_told(each, tables.get(name, ""), finding))
    if failed:
        head = f"{place}: {len(failed)} of {len(checks)} checks failed"
        raise CheckFailed("\n".join([head, *failed, "Correct the data or the check, then resume the run."]))
    return len(checks)


def _found(connection: "TaskConnection", table: str, where: str) -> str:
    """The table's name as it is written in SQL."""
    import psycopg

    from stepwell.etl.failure import explain

    try:
        row = psycopg.RawCursor(connection).execute(_TABLE, [table]).fetchone()
    except psycopg.Error as error:
        raise explain(error, where) from error
    if row is None or row[0] is None:
        raise ConfigurationError(f"{where}: there is no table {table}; correct its name, or make it before")
    return str(row[0])


def _told(each: Check, table: str, finding: Finding) -> str:
    about = f" on {table}" if table else ""
    return "\n    ".join([f"  {each.label}{about}: {finding.text}", *finding.rows])


def _names(columns: Sequence[object]) -> str:
    return ", ".join(map(str, columns))
