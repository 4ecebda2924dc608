"""Replaces a table's rows by those of a query: whole, idempotent, and at once for readers.

A new table is filled beside the old one, gets its indexes, and takes its name: readers wait for the renaming only.
Where the catalog forbids that, the rows are replaced in place, in the same transaction, and readers wait for it all.
"""

import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.sql import SQL, Composed, Identifier

from stepwell.errors import ConfigurationError, LockNotAvailable, StepwellError
from stepwell.etl.catalog import Target, find_table, reasons_against_swap
from stepwell.etl.connection import TaskConnection
from stepwell.etl.failure import explain
from stepwell.etl.query import Query, opened
from stepwell.etl.script import Script

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
  case relpersistence when 'u' then 'unlogged ' end, relnamespace::regnamespace::name, $2::text, c.oid::regclass,
  amname, (select format(' tablespace %I', spcname) from pg_tablespace s where s.oid = c.reltablespace))
from pg_class c join pg_am a on a.oid = c.relam where c.oid = $1
"""
# Foreign keys of other tables: TRUNCATE is refused even if nothing refers to a row.
_REFERRERS = """
select conname, conrelid::regclass::text, confdeltype::text, condeferrable
from pg_constraint where contype = 'f' and confrelid = $1 and conrelid <> $1
"""


def load(
    connection: TaskConnection, into: str, script: Script, params: Mapping[str, Any], source: str | None = None
) -> int:
    """Make the table `into` hold the rows of the query and nothing else; answers how many. The caller commits.

    Columns go by name. A table that is not there is made from the query. `source` is the URL of another database
    that runs the query. Readers see the old rows or the new ones, never none (a transaction that took its snapshot
    before the load, at REPEATABLE READ, sees the new table without rows, as after any TRUNCATE).
    """
    found = find_table(connection, into)
    with opened(connection, script, params, source) as query:
        if not isinstance(found, Target):
            rows = query.create(Identifier(*found))
            _run(connection, SQL("analyze {}").format(Identifier(*found)))
            return rows
        _check_columns(into, found, query)
        _run(connection, SQL("lock table {} in share update exclusive mode").format(_of(found)))
        reasons = reasons_against_swap(connection, found)
        if reasons:
            return _replace(connection, found, query, reasons)
        return _swap(connection, found, query)


def _swap(connection: TaskConnection, target: Target, query: Query) -> int:
    new = f"stepwell_new_{target.oid}_{connection.info.backend_pid}"
    fresh = Identifier(target.schema, new)
    commands = _all(connection, _FINISH, [target.oid, new])
    renames = [(kind, temporary, name) for _, kind, temporary, name in commands if kind]
    with _in_final_names({**{temporary: name for _, temporary, name in renames}, new: target.name}):
        _run(connection, _one(connection, _MAKE, [target.oid, new]))
        rows = query.insert(fresh, target.columns)
        for command, *_ in commands:
            _run(connection, command)
    _run(connection, SQL("analyze {}").format(fresh))
    _lock_out_readers(connection, target)
    _run(connection, SQL("drop table {}").format(_of(target)))
    _run(connection, SQL("alter table {} rename to {}").format(fresh, Identifier(target.name)))
    for kind, temporary, name in renames:
        _run(connection, _rename(target, kind, temporary, name))
    return rows


@contextmanager
def _in_final_names(names: Mapping[str, str]) -> Iterator[None]:
    """Errors speak of the table and its constraints as the user knows them, not as they are called for now."""
    try:
        yield
    except StepwellError as error:
        message = error.message
        for temporary in sorted(names, key=len, reverse=True):  # a name may begin with another
            message = message.replace(temporary, names[temporary])
        raise type(error)(message) from error


def _rename(target: Target, kind: str, temporary: str, name: str) -> Composed:
    if kind == "constraint":
        command = SQL("alter table {} rename constraint {} to {}")
        return command.format(_of(target), Identifier(temporary), Identifier(name))
    return SQL("alter index {} rename to {}").format(Identifier(target.schema, temporary), Identifier(name))


def _lock_out_readers(connection: TaskConnection, target: Target) -> None:
    """Wait until no reader is left, in short turns: whoever comes while we wait would queue behind us."""
    told = False
    while True:
        try:
            with connection.transaction():
                connection.execute("select set_config('lock_timeout', %s, true)", [_PATIENCE])
                connection.execute(SQL("lock table {} in access exclusive mode").format(_of(target)))
            return
        except psycopg.errors.LockNotAvailable:
            if not told:
                print(
                    f"load {_name(target)}: waiting for a reader to finish before the new table takes over", flush=True
                )
            told = True
            _pause(connection, target)


def _pause(connection: TaskConnection, target: Target) -> None:
    if connection.deadline is not None and connection.seconds_left() < 2:
        raise LockNotAvailable(
            f"the new table cannot take the place of {_name(target)}: somebody has been reading it all the time. "
            "Nothing was changed; end that session (see pg_stat_activity), or try again."
        )
    time.sleep(random.uniform(0.1, 0.3))  # noqa: S311  not a secret


def _replace(connection: TaskConnection, target: Target, query: Query, reasons: list[str]) -> int:
    referrers = _all(connection, _REFERRERS, [target.oid])
    way = "DELETE and INSERT" if referrers else "TRUNCATE and INSERT, for which readers wait,"
    print(f"load {_name(target)}: {way} instead of a swap, since: {'; '.join(reasons)}", flush=True)
    if referrers:
        _delete(connection, target, referrers)
    else:
        _run(connection, SQL("truncate {}").format(_of(target)))
    rows = query.insert(_of(target), target.columns)
    _run(connection, SQL("analyze {}").format(_of(target)))
    return rows


def _delete(connection: TaskConnection, target: Target, referrers: list[tuple[Any, ...]]) -> None:
    for name, table, action, _ in referrers:
        if action not in ("a", "r"):
            raise ConfigurationError(
                f"{_name(target)} cannot be replaced: its rows would leave for a moment, and the foreign key {name} of "
                f"{table} would change {table} with them (ON DELETE CASCADE or SET). Drop that rule, or merge the "
                "rows in a task of SQL."
            )
    _run(connection, SQL("set constraints all deferred"))
    try:
        connection.execute(SQL("delete from {}").format(_of(target)))
    except psycopg.errors.ForeignKeyViolation as error:
        fixes = [
            f"  ALTER TABLE {table} ALTER CONSTRAINT {Identifier(name).as_string()} DEFERRABLE;"
            + ("  -- and recreate it with ON DELETE NO ACTION: RESTRICT is never deferred" if action == "r" else "")
            for name, table, action, deferrable in referrers
            if not deferrable or action == "r"
        ]
        raise ConfigurationError(
            f"{_name(target)} cannot be replaced while {error.diag.table_name} refers to its rows. Let the foreign key "
            "be checked at the commit, when the rows are back:\n" + "\n".join(fixes)
        ) from error


def _check_columns(into: str, target: Target, query: Query) -> None:
    unknown = [name for name in query.columns if name not in target.columns]
    if unknown:
        raise ConfigurationError(
            f"{query.place}: the query gives columns that {into} does not have: {', '.join(unknown)}. "
            f"It has: {', '.join(target.columns)}. Columns go by name: rename them with AS, or add them to the table."
        )


def _of(target: Target) -> Identifier:
    return Identifier(target.schema, target.name)


def _name(target: Target) -> str:
    return f"{target.schema}.{target.name}"


def _run(connection: TaskConnection, command: Composed | SQL | str) -> None:
    connection.keep_deadline()
    try:
        connection.execute(command)
    except psycopg.Error as error:
        raise explain(error) from error


def _all(connection: TaskConnection, query: str, values: list[Any]) -> list[tuple[Any, ...]]:
    return psycopg.RawCursor(connection).execute(query, values).fetchall()


def _one(connection: TaskConnection, query: str, values: list[Any]) -> str:
    return str(_all(connection, query, values)[0][0])
