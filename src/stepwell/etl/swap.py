"""Replaces all rows of a table at once for readers: by a new table that takes its name, or in place.

A new table is filled beside the old one, gets its indexes, and takes its name: readers wait for the renaming only.
Where the catalog forbids that, the rows are replaced in place, in the same transaction, and readers wait for it all.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.sql import SQL, Composed, Identifier

from stepwell.errors import ConfigurationError, LockNotAvailable, StepwellError
from stepwell.etl.catalog import Target, find_table
from stepwell.etl.connection import TaskConnection
from stepwell.etl.drift import Fit, add_columns
from stepwell.etl.failure import explain
from stepwell.etl.rejects import Bad

_PATIENCE = "2s"  # how long readers queue behind a swap that waits for one of them

# The commands that give the new table ($2) what LIKE did not copy from the old one ($1): settings, comment, and, last,
# the indexes. With them: how each index or constraint is called for now, and what its name is to be.
_FINISH = """
with old as (
  select c.oid, c.relname, n.nspname, c.reloptions, t.reloptions as toast
  from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_class t on t.oid = c.reltoastrelid
  where c.oid = $1
), parts as (
  select i.indexrelid, x.relname as name, con.contype, i.indisunique, con.oid as con,
    format('%s_%s', $2::text, row_number() over (order by i.indexrelid)) as temporary
  from pg_index i join pg_class x on x.oid = i.indexrelid
  left join pg_constraint con on con.conindid = i.indexrelid and con.conrelid = i.indrelid
    and con.contype in ('p', 'u', 'x')
  where i.indrelid = $1
)
select format('alter table %I.%I set (%s)', nspname, $2::text, (
    select string_agg(format('%s=%L', split_part(o, '=', 1), substr(o, strpos(o, '=') + 1)), ', ')
    from unnest(array_cat(reloptions, array(select 'toast.' || o from unnest(toast) o))) o)), null, null, null
  from old where coalesce(reloptions, toast) is not null
union all
select format('comment on table %I.%I is %L', nspname, $2::text, obj_description(oid, 'pg_class')), null, null, null
  from old where obj_description(oid, 'pg_class') is not null
union all
select case when con is not null
    then format('alter table %I.%I add constraint %I %s', nspname, $2::text, temporary, pg_get_constraintdef(con))
    else format('create %sindex %I on %I.%I using %s', case when indisunique then 'unique ' end, temporary, nspname,
      $2::text, substr(pg_get_indexdef(indexrelid), 1 + length(format('CREATE %sINDEX %I ON %I.%I USING ',
        case when indisunique then 'UNIQUE ' end, name, nspname, relname)))) end,
  case when con is not null then 'constraint' else 'index' end, temporary, name
  from parts, old
"""
_MAKE = """
select format('create %stable %I.%I (like %s including all excluding indexes excluding statistics) using %I%s',
  case relpersistence when 'u' then 'unlogged ' end, nspname, $2::text, c.oid::regclass,
  amname, (select format(' tablespace %I', spcname) from pg_tablespace s where s.oid = c.reltablespace))
from pg_class c join pg_am a on a.oid = c.relam join pg_namespace n on n.oid = c.relnamespace where c.oid = $1
"""
# Foreign keys of other tables: TRUNCATE is refused even if nothing refers to a row.
_REFERRERS = """
select conname, conrelid::regclass::text, confdeltype::text, condeferrable
from pg_constraint where contype = 'f' and confrelid = $1 and (conrelid <> $1 or $2)
"""
_SAMPLE = """
select before, set_config('default_statistics_target', least(before::int, 30)::text, true)
from current_setting('default_statistics_target') as before
"""
Fill = Callable[[Identifier], int]  # puts the rows into a table, answers how many


class Fresh:
    """The new table beside the old one. `names`: how its parts are called for now, and what they will be called."""

    def __init__(self, connection: TaskConnection, target: Target, name: str | None = None) -> None:
        self._connection, self._target = connection, target
        self.name = name or f"stepwell_new_{target.oid}_{connection.info.backend_pid}"
        self.identifier = Identifier(target.schema, self.name)
        commands = _all(connection, _FINISH, [target.oid, self.name])
        self._commands = [command for command, *_ in commands]
        self._renames = [(kind, temporary, name) for _, kind, temporary, name in commands if kind]
        self._names = {**{temporary: name for _, temporary, name in self._renames}, self.name: target.name}

    def fill(self, fit: Fit, fill: Fill, indexes_first: bool) -> int:
        """Make it, with the rows in it. Indexes come last, which is faster, unless rows are to be tried on them."""
        with in_final_names(self._names):
            self.make(fit)
            if indexes_first:
                self._finish()
            rows = fill(self.identifier)
            if not indexes_first:
                self._finish()
            return rows

    def make(self, fit: Fit) -> None:
        """Without rows and indexes."""
        run(self._connection, _one(self._connection, _MAKE, [self._target.oid, self.name]))
        if add := add_columns(self.identifier, fit):
            run(self._connection, add)

    def index(self) -> None:
        """What was made and filled before gets its indexes."""
        with in_final_names(self._names):
            self._finish()

    def told(self, bad: Bad) -> Bad:
        return bad._replace(error=_in_final(bad.error, self._names))

    def take_over(self) -> None:
        """Take the old table's place and name. Readers wait for this, and for nothing else."""
        connection, target = self._connection, self._target
        self._sample()
        _lock_out_readers(connection, target)
        run(connection, SQL("drop table {}").format(target.identifier))
        run(connection, SQL("alter table {} rename to {}").format(self.identifier, Identifier(target.name)))
        for kind, temporary, name in self._renames:
            run(connection, _rename(target, kind, temporary, name))

    def _sample(self) -> None:
        """Statistics of a third of the usual sample, so that the next task is planned well.

        Since columns are named, the table stays due for autovacuum, which takes the whole sample within a minute.
        """
        connection = self._connection
        columns = SQL(", ").join(map(Identifier, self._target.columns))
        before, _ = connection.execute(_SAMPLE).fetchone() or ("100", "")
        run(connection, SQL("analyze {} ({})").format(self.identifier, columns))
        connection.execute("select set_config('default_statistics_target', %s, true)", [before])

    def _finish(self) -> None:
        for command in self._commands:
            run(self._connection, command)


@contextmanager
def in_final_names(names: Mapping[str, str]) -> Iterator[None]:
    """Errors speak of the table and its constraints as the user knows them, not as they are called for now."""
    try:
        yield
    except StepwellError as error:
        raise type(error)(_in_final(error.message, names)) from error


def _in_final(text: str, names: Mapping[str, str]) -> str:
    for temporary in sorted(names, key=len, reverse=True):  # a name may begin with another
        text = text.replace(temporary, names[temporary])
    return text


def _rename(target: Target, kind: str, temporary: str, name: str) -> Composed:
    if kind == "constraint":
        command = SQL("alter table {} rename constraint {} to {}")
        return command.format(target.identifier, Identifier(temporary), Identifier(name))
    return SQL("alter index {} rename to {}").format(Identifier(target.schema, temporary), Identifier(name))


def _lock_out_readers(connection: TaskConnection, target: Target) -> None:
    """Wait until no reader is left, in short turns: whoever comes while we wait would queue behind us."""
    told = False
    while True:
        try:
            with connection.transaction():
                connection.execute("select set_config('lock_timeout', %s, true)", [_PATIENCE])
                connection.execute(SQL("lock table {} in access exclusive mode").format(target.identifier))
            return
        except psycopg.errors.LockNotAvailable:
            if not told:
                print(
                    f"load {target.shown}: waiting for a reader to finish before the new table takes over", flush=True
                )
            told = True
            _pause(connection, target)


def _pause(connection: TaskConnection, target: Target) -> None:
    if connection.deadline is not None and connection.seconds_left() < 2:
        raise LockNotAvailable(
            f"the new table cannot take the place of {target.shown}: somebody has been reading it all the time. "
            "Nothing was changed; end that session (see pg_stat_activity), or try again."
        )
    time.sleep(random.uniform(0.1, 0.3))  # noqa: S311  not a secret


def lock(connection: TaskConnection, target: Target) -> None:
    """Keep other loads and changes of the table away, of the one that was looked at."""
    run(connection, SQL("lock table {} in share update exclusive mode").format(target.identifier))
    if find_table(connection, target.identifier.as_string(connection)) != target:
        raise LockNotAvailable(
            f"{target.shown} was replaced or changed by somebody else while this load waited for it. Nothing was "
            "changed; running the task again is safe."
        )


def in_place(connection: TaskConnection, target: Target, fit: Fit, reasons: list[str], fill: Fill) -> int:
    """Replace the rows where they are, and say why."""
    referrers = referrers_of(connection, target)
    way = "DELETE and INSERT" if referrers else "TRUNCATE and INSERT, for which readers wait,"
    print(f"load {target.shown}: {way} instead of a swap, since: {'; '.join(reasons)}", flush=True)
    if add := add_columns(target.identifier, fit):
        run(connection, add)
    if referrers:
        _delete(connection, target, referrers)
    else:
        run(connection, SQL("truncate {}").format(target.identifier))
    rows = fill(target.identifier)
    run(connection, SQL("analyze {}").format(target.identifier))
    return rows


def referrers_of(connection: TaskConnection, target: Target, own: bool = False) -> list[tuple[Any, ...]]:
    """Foreign keys that refer to the table, its `own` included or not; none may change rows that do not come back."""
    referrers = _all(connection, _REFERRERS, [target.oid, own])
    for name, table, action, _ in referrers:
        if action not in ("a", "r"):
            raise ConfigurationError(
                f"{target.shown} cannot be replaced: its rows would leave for a moment, and the foreign key {name} of "
                f"{table} would change {table} with them (ON DELETE CASCADE or SET). Drop that rule, or merge the "
                "rows in a task of SQL."
            )
    return referrers


def _delete(connection: TaskConnection, target: Target, referrers: list[tuple[Any, ...]]) -> None:
    run(connection, SQL("set constraints all deferred"))
    try:
        connection.execute(SQL("delete from {}").format(target.identifier))
    except psycopg.errors.ForeignKeyViolation as error:
        fixes = [
            f"  ALTER TABLE {table} ALTER CONSTRAINT {Identifier(name).as_string()} DEFERRABLE;"
            + ("  -- and recreate it with ON DELETE NO ACTION: RESTRICT is never deferred" if action == "r" else "")
            for name, table, action, deferrable in referrers
            if not deferrable or action == "r"
        ]
        raise ConfigurationError(
            f"{target.shown} cannot be replaced while {error.diag.table_name} refers to its rows. Let the foreign key "
            "be checked at the commit, when the rows are back:\n" + "\n".join(fixes)
        ) from error


def run(connection: TaskConnection, command: SQL | Composed | str) -> int:
    """A command of ours, within the deadline; answers how many rows it changed."""
    connection.keep_deadline()
    try:
        return connection.execute(command).rowcount
    except psycopg.Error as error:
        raise explain(error) from error


def _all(connection: TaskConnection, query: str, values: list[Any]) -> list[tuple[Any, ...]]:
    return psycopg.RawCursor(connection).execute(query, values).fetchall()


def _one(connection: TaskConnection, query: str, values: list[Any]) -> str:
    return str(_all(connection, query, values)[0][0])
