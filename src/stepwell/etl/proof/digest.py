"""What a table holds, as few numbers: two tables with equal digests hold equal rows, in whatever order.

Rows fall into buckets by a hash of their text; a bucket's digest is how many they are and the sum of their hashes.
Where two tables differ, only the buckets that differ have to be read.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

import psycopg

from stepwell.etl.connection import TaskConnection
from stepwell.etl.ranges import quoted

BUCKETS = 1024

# Tables that this transaction has written to, those of triggers included; temporary tables are nobody's result.
_WRITTEN = """
select relid::regclass::text from pg_stat_xact_user_tables
where n_tup_ins + n_tup_upd + n_tup_del > 0 and schemaname <> 'stepwell' and schemaname not like 'pg_temp%'
order by 1
"""
_TEMPORARY = """
select oid::regclass::text from pg_class
where relnamespace = pg_my_temp_schema() and relkind = 'r' and pg_my_temp_schema() <> 0
"""
_COLUMNS = """
select attname::text from pg_attribute
where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum
"""

Digest = dict[int, tuple[int, int]]  # bucket: rows, sum of their hashes


class Table(NamedTuple):
    """A table and those of its columns that are compared."""

    name: str
    columns: tuple[str, ...]

    def without(self, columns: Collection[str]) -> "Table":
        return Table(self.name, tuple(column for column in self.columns if column not in columns))

    @property
    def row(self) -> str:
        """The compared columns as one value."""
        return f"row({', '.join(f't.{quoted(column)}' for column in self.columns)})"


def written(connection: TaskConnection) -> list[Table]:
    """The tables that the open transaction has changed."""
    names = [name for (name,) in _ask(connection, _WRITTEN)]
    return [Table(name, tuple(column for (column,) in _ask(connection, _COLUMNS, name))) for name in names]


def drop_temporary(connection: TaskConnection) -> None:
    """Drop the temporary tables that a run has left: in a transaction of its own they would go with its commit."""
    names = [name for (name,) in _ask(connection, _TEMPORARY)]
    if names:
        connection.execute(f"drop table {', '.join(names)}")


def digest(connection: TaskConnection, table: Table) -> Digest:
    query = f"""
        select (h & {BUCKETS - 1})::int, count(*), sum(h::numeric) from (
          select hashtextextended({table.row}::text, 0) as h from {table.name} t) hashed
        group by 1
    """
    return {bucket: (rows, int(total)) for bucket, rows, total in _ask(connection, query)}


def column_digests(connection: TaskConnection, table: Table) -> dict[str, int]:
    """One number for each column: which of them differ between two runs that should be alike?"""
    sums = [f"sum(hashtextextended(t.{quoted(column)}::text, 0)::numeric)" for column in table.columns]
    [values] = _ask(connection, f"select {', '.join(sums)} from {table.name} t")
    return {column: int(value or 0) for column, value in zip(table.columns, values, strict=True)}


def rows_in(connection: TaskConnection, table: Table, buckets: Collection[int]) -> dict[str, int]:
    """The rows of these buckets as text, and how often each is there."""
    query = f"""
        select row_text, count(*) from (
          select {table.row}::text as row_text from {table.name} t) texts
        where (hashtextextended(row_text, 0) & {BUCKETS - 1})::int = any($1::int[])
        group by 1
    """
    return dict(_ask(connection, query, list(buckets)))


def _ask(connection: TaskConnection, query: str, *values: object) -> list[tuple[Any, ...]]:
    return psycopg.RawCursor(connection).execute(query, values).fetchall()
