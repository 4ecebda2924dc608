"""Loads a part of a table: what is new since the last time (upsert by key), or the rows of a window.

The rows are gathered in a temporary table first, so that the table itself is touched late, shortly, and only if all is
well. Readers see the table as it was until the commit.
"""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.sql import SQL, Composed, Identifier, Literal

from stepwell.errors import ConfigurationError, DataError
from stepwell.etl import watermark
from stepwell.etl.catalog import Target, plain_types
from stepwell.etl.connection import TaskConnection
from stepwell.etl.drift import Fit, add_columns, definitions
from stepwell.etl.options import Options
from stepwell.etl.rejects import Bad, sift, sift_into
from stepwell.etl.run import execute, values_of
from stepwell.etl.script import Script
from stepwell.etl.sources import Rows
from stepwell.etl.swap import referrers_of, run

_GATHERED = Identifier("pg_temp", "stepwell_gathered")
_NUMBERS = {20, 21, 23, 700, 701, 1700}
_MOMENTS = {1082, 1114, 1184}
_UNIQUE = """
select exists (
  select from pg_index where indrelid = $1 and indisunique and indisvalid and indimmediate
    and indpred is null and indexprs is null and $2::text[] = array(
      select attname::text from pg_attribute
      where attrelid = indrelid and attnum = any (indkey[0:indnkeyatts - 1]) order by 1))
"""
_ISO = "select set_config('datestyle', 'ISO', true), set_config('intervalstyle', 'postgres', true)"


class Merge:
    """One such load: `quickly` as one piece, or, if a row was bad, `carefully` without the bad ones."""

    def __init__(
        self,
        connection: TaskConnection,
        target: Target,
        fit: Fit,
        rows: Rows,
        params: Mapping[str, Any],
        options: Options,
        new: bool,
    ) -> None:
        self._connection, self._target, self._fit, self._rows, self._options = connection, target, fit, rows, options
        self._upserts = options.mode == "incremental"
        self._before: str | None = None
        connection.execute(_ISO)
        if self._upserts:
            self._check_key()
            self._start(new)
        else:
            script = Script.parse(options.range, f"{options.place} (range)")
            self._range = script.statements[0]
            self._values = values_of(script, self._range, params)

    def quickly(self) -> tuple[int, int, int, str]:
        """Rows written, rows read, rows set aside, newest value of the watermark."""
        self._gather()
        read = self._rows.insert(_GATHERED, self._fit.into)
        self._prepare()
        written = run(self._connection, self._command(SQL("")))
        return written, read, 0, self._advance()

    def carefully(self, bad: list[Bad]) -> tuple[int, int, int, str]:
        """The same without the bad rows, which are added to `bad`."""
        allowed, place = self._options.rejects, self._rows.place
        staged = self._rows.stage(self._fit.into, allowed)
        self._gather()
        read = sift_into(self._connection, _GATHERED, self._fit.into, staged, allowed, bad, place, numbered=True)
        read += len(bad)
        self._prepare()
        run(self._connection, SQL("create index on {} (stepwell_row)").format(_GATHERED))
        one = SQL(" where stepwell_row between {} and {}")
        written = sift(
            self._connection,
            lambda low, high: self._command(one.format(Literal(low), Literal(high))),
            staged,
            allowed,
            bad,
            place,
        )
        return written, read, len(bad), self._advance()

    def _gather(self) -> None:
        """An empty table for the rows, with the types of the target's columns."""
        known = [Identifier(name) for name in self._fit.into if name not in self._fit.added]
        create = "create temp table stepwell_gathered on commit drop as select {} from {} with no data"
        run(self._connection, SQL(create).format(SQL(", ").join(known), self._target.identifier))
        more = [*definitions(self._fit.added), SQL("stepwell_row int8")]
        added = SQL(", ").join(SQL("add column {}").format(column) for column in more)
        run(self._connection, SQL("alter table {} {}").format(_GATHERED, added))
        if self._upserts:  # not rounded up to the table's precision, or rows between would never be read
            column = Identifier(self._options.watermark)
            run(self._connection, SQL("alter table {} alter {} type {}").format(_GATHERED, column, SQL(self._kind)))
        # A row without its key would be added again and again, one without its watermark never found again.
        for name in [*self._options.key, self._options.watermark] if self._upserts else []:
            run(self._connection, SQL("alter table {} alter {} set not null").format(_GATHERED, Identifier(name)))

    def _prepare(self) -> None:
        run(self._connection, SQL("analyze {}").format(_GATHERED))
        if add := add_columns(self._target.identifier, self._fit):
            run(self._connection, add)
        if self._upserts:
            run(self._connection, self._without_older())
        else:
            self._check_range()
            referrers_of(self._connection, self._target, own=True)
            before = SQL("delete from {} where (\n").format(self._target.identifier).as_string(self._connection)
            execute(self._connection, self._range, self._values, before, "\n)")

    def _command(self, where: SQL | Composed) -> Composed:
        names = SQL(", ").join(map(Identifier, self._fit.into))
        head = SQL("insert into {} as old ({}) overriding system value select {} from {}").format(
            self._target.identifier, names, names, _GATHERED
        )
        return head + where + (self._on_conflict() if self._upserts else SQL(""))

    # Incremental

    def _check_key(self) -> None:
        options = self._options
        for name in (*options.key, options.watermark):
            if name not in self._fit.into:
                raise ConfigurationError(
                    f"{self._rows.place}: {self._rows.what} does not give the column {name}, "
                    f"which {'key' if name in options.key else 'watermark'}= names; it gives: "
                    + ", ".join(self._rows.columns)
                )
        asked = [self._target.oid, sorted(options.key)]
        row = psycopg.RawCursor(self._connection).execute(_UNIQUE, asked).fetchone()
        if not (row and row[0]):
            names = ", ".join(Identifier(name).as_string(self._connection) for name in options.key)
            table = self._target.identifier.as_string(self._connection)
            raise ConfigurationError(
                f"{options.place}: an incremental load finds the rows that are there by a unique index, and "
                f"{self._target.shown} has none on ({names}). Create it:\n  CREATE UNIQUE INDEX ON {table} ({names});"
            )

    def _start(self, new: bool) -> None:
        """Read from the watermark on, less the overlap. A new table is filled from the beginning."""
        options, name = self._options, self._options.watermark
        column = self._fit.into[name]
        if column.oid not in _NUMBERS | _MOMENTS:
            raise ConfigurationError(
                f"{options.place}: the watermark must be a number, a date or a timestamp, and {name} is {column.type}"
            )
        self._kind = plain_types(self._connection, {name: column})[name]
        found = watermark.read(self._connection, options.pipeline, options.task)
        if found is None or new:
            return
        self._before, of = found
        if of.startswith('"') and not of.startswith(f"{Identifier(name).as_string()} "):
            raise ConfigurationError(
                f"{options.place}: the last load has read up to {self._before} of the watermark {of}, which says "
                f"nothing of {name}. To read everything again: DELETE FROM stepwell.watermark WHERE task = "
                f"'{options.task}'"
            )
        given = self._rows.columns[name]
        kind = plain_types(self._connection, {name: given})[name] if given.oid else self._kind
        self._rows.since(name, SQL("{}::{}").format(Literal(self._less_overlap(self._before)), SQL(kind)))

    def _less_overlap(self, value: str) -> str:
        if not self._options.overlap:
            return value
        other = "interval" if self._fit.into[self._options.watermark].oid in _MOMENTS else "numeric"
        query = f"select ($1::text::{self._kind} - $2::text::{other})::{self._kind}::text"
        try:
            with self._connection.transaction():
                asked = [value, self._options.overlap]
                row = psycopg.RawCursor(self._connection).execute(query, asked).fetchone()
        except psycopg.DataError as error:
            raise ConfigurationError(
                f"{self._options.place}: overlap={self._options.overlap!r} cannot be taken from the watermark "
                f"{self._options.watermark}, which is {self._kind}: {error.diag.message_primary}"
            ) from None
        return str(row[0]) if row else value

    def _without_older(self) -> Composed:
        """Of several rows with the same key, the one with the newest watermark stays."""
        command = """
        delete from {0} using (
          select ctid as at, row_number() over (partition by {1} order by {2} desc, ctid desc) as place from {0}
        ) as numbered where {0}.ctid = at and place > 1
        """
        key = SQL(", ").join(map(Identifier, self._options.key))
        return SQL(command).format(_GATHERED, key, Identifier(self._options.watermark))

    def _on_conflict(self) -> Composed:
        key = SQL(", ").join(map(Identifier, self._options.key))
        others = [Identifier(name) for name in self._fit.into if name not in self._options.key]
        if not others:
            return SQL(" on conflict ({}) do nothing").format(key)
        new = SQL(", ").join(SQL("excluded.{}").format(name) for name in others)
        old = SQL(", ").join(SQL("old.{}").format(name) for name in others)
        sets = SQL(", ").join(SQL("{0} = excluded.{0}").format(name) for name in others)
        differ = SQL(" where ({}) is distinct from ({})").format(old, new)
        # What the overlap reads again is not written again, if its columns can be compared.
        test = SQL("select from {} as old, {} as excluded{} limit 0").format(
            self._target.identifier, self._target.identifier, differ
        )
        try:
            with self._connection.transaction():
                self._connection.execute(test)
        except psycopg.errors.UndefinedFunction:
            differ = SQL("").format()
        return SQL(" on conflict ({}) do update set {}{}").format(key, sets, differ)

    def _advance(self) -> str:
        if not self._upserts:
            return ""
        options = self._options
        newest = SQL("select greatest(max({}), {}::{})::text from {}").format(
            Identifier(options.watermark), Literal(self._before), SQL(self._kind), _GATHERED
        )
        row = self._connection.execute(newest).fetchone()
        value = row[0] if row else None
        if value is None:
            return ""
        if value in ("infinity", "Infinity", "NaN"):
            raise DataError(
                f"{self._rows.place}: a row has the {options.watermark} {value}, after which no other would ever be "
                "read. Nothing was loaded. Correct it, or leave such rows out in the query."
            )
        of = f"{Identifier(options.watermark).as_string()} {self._kind}"
        watermark.store(self._connection, options.pipeline, options.task, value, of, options.run)
        return str(value)

    # A window

    def _check_range(self) -> None:
        """Rows outside of the window would be there twice after the next run."""
        before = SQL("select count(*) over (), q::text from {} as q where (\n").format(_GATHERED)
        first = before.as_string(self._connection)
        outside = execute(self._connection, self._range, self._values, first, "\n) is not true limit 5").fetchall()
        if outside:
            rows = "\n".join(f"  {row[:300]}" for _, row in outside)
            raise DataError(
                f"{self._rows.place}: {outside[0][0]} rows lie outside of the range {self._range.source.strip()}, "
                f"which is all that this load replaces; the first of them:\n{rows}\nNothing was loaded. Let the query "
                "give the rows of the range only."
            )
