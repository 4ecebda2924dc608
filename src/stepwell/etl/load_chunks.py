"""A load in chunks: a table that nobody asks for is filled lot by lot, and in the end it takes the target's place.

The table is in the target's schema and belongs to one run. Each lot reads the query's rows of its range of keys, in a
snapshot of its own, and writes them in the transaction that turns its chunks to done.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from hashlib import sha256
from typing import Any, NamedTuple

import psycopg
from psycopg.sql import SQL, Identifier

from stepwell.errors import ConfigurationError
from stepwell.etl.catalog import Target, find_table, reasons_against_swap
from stepwell.etl.connection import TaskConnection
from stepwell.etl.drift import Fit, compare, definitions
from stepwell.etl.fence import Key as Fence
from stepwell.etl.lane import Work
from stepwell.etl.ledger import Lot, runs_of
from stepwell.etl.options import Options
from stepwell.etl.plan import Plan, Table, say
from stepwell.etl.plan import find_table as find_cut
from stepwell.etl.query import HereQuery, ThereQuery, opened, reading
from stepwell.etl.ranges import Key
from stepwell.etl.script import Script
from stepwell.etl.sources import Column
from stepwell.etl.swap import Fresh, in_final_names, in_place, lock, run

# What runs that came to no end have left behind.
_LEFT = "select relname from pg_class where relnamespace = to_regnamespace(quote_ident($1)) and relname = any($2)"
_COLUMNS = """
select array(select attname::text from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped)
from pg_class c where c.oid = to_regclass($1)
"""
# What the hidden table took over from the table when it was made, but for the columns ($2) that the load adds.
_SHAPE = """
select format('%s %s %s %s %s', attname, format_type(atttypid, atttypmod), attnotnull, attcollation,
  pg_get_expr(adbin, adrelid))
from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
where attrelid = to_regclass($1) and attnum > 0 and not attisdropped and attname <> all ($2)
union all select regexp_replace(pg_get_constraintdef(oid), ' NOT VALID$', '') from pg_constraint
where conrelid = to_regclass($1) and contype = 'c' order by 1
"""


class ChunkedLoad(NamedTuple):
    """What is loaded, from where, and by which run. The query's rows are cut by the columns `by` of `table`."""

    into: str
    script: Script
    params: Mapping[str, Any]
    source: str | None
    options: Options
    fence: Fence
    run: str
    table: str
    by: tuple[str, ...]

    def at(self, connection: TaskConnection) -> AbstractContextManager[TaskConnection]:
        """Where the table is that is cut."""
        return reading(connection, self.source)

    def find(self, connection: TaskConnection, table: str, by: Sequence[str]) -> Table:
        """Any column of its key may be NULL in what the query makes of it."""
        found = find_cut(connection, table, by)
        return found._replace(key=found.key._replace(nullable=tuple(True for _ in by)))

    def freeze(self, connection: TaskConnection, _: Plan, tell: Callable[[str], None] = say) -> dict[str, Any]:
        """What the lanes need to know. ConfigurationError for a query that does not fit the table, or has no key."""
        found = find_table(connection, self.into)
        with reading(connection, self.source) as there:
            table = self.find(there, self.table, self.by)
        for advice in table.advice():
            tell(advice)
        with opened(connection, self.script, self.params, self.source) as rows:
            self._must_have_key(table, rows)
            fit = Fit(dict(rows.columns), {})
            if isinstance(found, Target):
                fit = compare(connection, found, rows, self.options.drift, isinstance(rows, HereQuery))
        place = (found.schema, found.name) if isinstance(found, Target) else found
        return {
            "key": table.key._asdict(),
            "place": list(place),
            "into": {name: list(column) for name, column in fit.into.items()},
            "added": {name: list(column) for name, column in fit.added.items()},
        }

    def prepare(self, connection: TaskConnection, document: dict[str, Any], done: int) -> None:
        """The hidden table, in the transaction that stores the plan; if chunks are `done`, it must be there."""
        if done:
            self._must_be_there(connection, document, done)
            return
        names = [self._name(each) for each in {self.run, *runs_of(connection, self.fence)}]
        for (left,) in psycopg.RawCursor(connection).execute(_LEFT, [document["place"][0], names]).fetchall():
            run(connection, SQL("drop table {}").format(Identifier(document["place"][0], left)))
        found = find_table(connection, self.into)
        fit = _fit(document)
        if isinstance(found, Target):
            Fresh(connection, found, self._name(self.run)).make(fit)
        else:
            columns = SQL(", ").join(definitions(fit.into))
            run(connection, SQL("create table {} ({})").format(self._hidden(document, self.run), columns))

    def work(self, document: dict[str, Any]) -> Work:
        hidden, fit = self._hidden(document, self.run), _fit(document)
        key = Key(*(tuple(document["key"][name]) for name in Key._fields))

        def copy(connection: TaskConnection, lot: Lot) -> int:
            with opened(connection, self.script, self.params, self.source, keep=True) as rows:
                rows.within(lot.range, key)
                with in_final_names({self._name(self.run): document["place"][1]}):
                    return rows.insert(hidden, fit.into)

        return copy

    def finish(self, connection: TaskConnection, document: dict[str, Any]) -> None:
        """Indexes and statistics; then the filled table takes the target's place, or its rows that of the target's."""
        hidden, fit = self._hidden(document, self.run), _fit(document)
        found = find_table(connection, self.into)
        if not isinstance(found, Target):
            run(connection, SQL("alter table {} rename to {}").format(hidden, Identifier(found[1])))
            run(connection, SQL("analyze {}").format(Identifier(*found)))
            return
        lock(connection, found)
        reasons = ['mode="truncate"'] if self.options.mode == "truncate" else reasons_against_swap(connection, found)
        if reasons:
            names = SQL(", ").join(map(Identifier, fit.into))
            insert = SQL("insert into {} ({}) overriding system value select {} from {}")
            in_place(
                connection, found, fit, reasons, lambda to: run(connection, insert.format(to, names, names, hidden))
            )
            run(connection, SQL("drop table {}").format(hidden))
            return
        self._must_be_alike(connection, found, document)
        fresh = Fresh(connection, found, self._name(self.run))
        fresh.index()
        fresh.take_over()

    def _must_have_key(self, table: Table, rows: HereQuery | ThereQuery) -> None:
        types = dict(zip(table.key.columns, table.key.types, strict=True))
        for name, kind in types.items():
            given = rows.columns.get(name)
            if given is None or given.type != kind:
                what = f"gives {name} as {given.type}" if given else f"does not give the column {name}"
                raise ConfigurationError(
                    f"{rows.place}: the query {what}, by which its rows are to be cut into chunks: it must give "
                    f"{name} as {table.name} has it ({kind}). It gives: {', '.join(rows.columns)}"
                )

    def _hidden(self, document: dict[str, Any], run: str) -> Identifier:
        return Identifier(document["place"][0], self._name(run))

    def _name(self, run: str) -> str:
        return "stepwell_load_" + sha256(repr((*self.fence, run)).encode()).hexdigest()[:16]

    def _must_be_there(self, connection: TaskConnection, document: dict[str, Any], done: int) -> None:
        columns = _columns(connection, self._hidden(document, self.run))
        if columns is None or not set(document["into"]) <= set(columns):
            what = "are gone: another run has loaded the table since" if columns is None else "have other columns"
            raise ConfigurationError(
                f"the rows of the {done} chunks that this run has done {what}. To do all of it again: resume the run "
                f"with --from {self.fence.task}"
            )

    def _must_be_alike(self, connection: TaskConnection, found: Target, document: dict[str, Any]) -> None:
        tables = self._hidden(document, self.run), found.identifier
        asked = [[table.as_string(connection), list(document["added"])] for table in tables]
        hidden, target = (psycopg.RawCursor(connection).execute(_SHAPE, values).fetchall() for values in asked)
        if hidden != target:
            raise ConfigurationError(
                f"the columns or rules of {found.shown} were changed while it was being loaded. To do all of it again: "
                f"resume the run with --from {self.fence.task}"
            )


def _fit(document: dict[str, Any]) -> Fit:
    into, added = ({name: Column(*facts) for name, facts in document[part].items()} for part in ("into", "added"))
    return Fit(into, added)


def _columns(connection: TaskConnection, table: Identifier) -> list[str] | None:
    row = psycopg.RawCursor(connection).execute(_COLUMNS, [table.as_string(connection)]).fetchone()
    return row[0] if row else None
