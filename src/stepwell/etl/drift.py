"""Compares the columns of a source with those of the table, before any row moves: schema drift."""

from collections.abc import Mapping
from typing import NamedTuple

import psycopg
from psycopg.sql import SQL, Composed, Identifier

from stepwell.errors import ConfigurationError
from stepwell.etl.catalog import Target
from stepwell.etl.connection import TaskConnection
from stepwell.etl.sources import Column, Rows

# Which of the pairs (given $1, wanted $2) PostgreSQL would never assign: there is no cast, for arrays none of their
# elements. Types that users made have casts of their own kinds, and are left to PostgreSQL.
_NEVER = """
select n from unnest($1::oid[], $2::oid[]) with ordinality as pair(given, wanted, n)
join pg_type g on g.oid = given join pg_type w on w.oid = wanted
where given <> wanted and given < 16384 and wanted < 16384 and w.typcategory <> 'S'
  and (g.typelem = 0) = (w.typelem = 0) and not exists (
    select from pg_cast where castcontext in ('i', 'a')
      and (castsource, casttarget) in ((given, wanted), (g.typelem, w.typelem)))
  or given <> wanted and given < 16384 and wanted < 16384 and w.typcategory <> 'S'
    and (g.typelem = 0) <> (w.typelem = 0)
"""
_TEXT = (25, 1042, 1043)
_FIRST_USER_OID = 16384
_REMEDY = (
    'Columns go by name: rename them with AS, change the table, or say drift="add" (new columns are added to the '
    'table) or drift="ignore" (they are left out).'
)


class Fit(NamedTuple):
    """The table's columns that the source fills, and those of them that the table does not have yet."""

    into: dict[str, Column]
    added: dict[str, Column]


def compare(connection: TaskConnection, target: Target, rows: Rows, drift: str, here: bool) -> Fit:
    """What fills what. ConfigurationError names the columns that differ, and all columns with types on both sides.

    Columns that only the source has are an error, are added, or are left out, as `drift` says. Types that cannot be
    assigned, and columns that the table needs and the source does not give, are an error always. `here`: the rows come
    by SQL, not by COPY, which reads any text.
    """
    shared = {name: target.columns[name] for name in rows.columns if name in target.columns}
    extra = {name: column for name, column in rows.columns.items() if name not in target.columns}
    wrong = []
    if extra and drift == "fail":
        wrong.append(f"{rows.what} gives columns that {target.shown} does not have: {_names(extra)}")
    needed = {name: column for name, column in target.columns.items() if column.needed and name not in shared}
    if needed:
        wrong.append(f"{target.shown} needs columns that {rows.what} does not give: {_names(needed)}")
    wrong += _apart(connection, rows, shared, here)
    if wrong:
        raise ConfigurationError(_message(target, rows, wrong))
    if not shared and not (extra and drift == "add"):
        raise ConfigurationError(_message(target, rows, [f"{rows.what} and {target.shown} share no column"]))
    # The number of a type that users made is one of the source's catalog; its name may be known here.
    own = {name: column if column.oid < _FIRST_USER_OID else Column(0, column.type) for name, column in extra.items()}
    added = own if drift == "add" else {}
    order = [name for name in rows.columns if name in shared or name in added]
    return Fit({name: shared.get(name) or added[name] for name in order}, added)


def add_columns(table: Identifier, fit: Fit) -> Composed | None:
    """The command that gives the table what it does not have yet."""
    if not fit.added:
        return None
    columns = [SQL("add column {}").format(column) for column in definitions(fit.added)]
    return SQL("alter table {} {}").format(table, SQL(", ").join(columns))


def definitions(columns: Mapping[str, Column]) -> list[Composed]:
    """Names and types, as CREATE TABLE takes them. The types' names come from a catalog, not from a user."""
    return [SQL("{} {}").format(Identifier(name), SQL(column.type)) for name, column in columns.items()]


def _apart(connection: TaskConnection, rows: Rows, shared: Mapping[str, Column], here: bool) -> list[str]:
    pairs = [
        (name, rows.columns[name], column)
        for name, column in shared.items()
        if rows.columns[name].oid and (here or rows.columns[name].oid not in _TEXT)
    ]
    asked = [[given.oid for _, given, _ in pairs], [wanted.oid for _, _, wanted in pairs]]
    never = {number - 1 for (number,) in psycopg.RawCursor(connection).execute(_NEVER, asked)}
    return [
        f"column {name} is {given.type} in {rows.what} and {wanted.type} in the table, which takes no {given.type}"
        for index, (name, given, wanted) in enumerate(pairs)
        if index in never
    ]


def _message(target: Target, rows: Rows, wrong: list[str]) -> str:
    return (
        f"{rows.place}: {'; '.join(wrong)}. It has: {_names(target.columns)}. Nothing was loaded.\n"
        f"{rows.what} gives: {_names(rows.columns)}.\n{_REMEDY}"
    )


def _names(columns: Mapping[str, Column]) -> str:
    return ", ".join(f"{name} {column.type}" for name, column in columns.items())
