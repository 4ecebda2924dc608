"""No two runs of a pipeline for one window at once, on whatever machines: a lease in the target database.

A lease is an advisory lock of a session. PostgreSQL lets go of it when the session ends, however the process died; of a
machine that is cut off, as soon as its TCP connection is given up, after about a minute. There is no row to be cleaned
up and no time to wait for. A session lock needs a session of its own: no pooler that shares sessions may be in between.

On AWS no process lives as long as a run. There each invocation renews a row, which is good for somewhat longer than an
invocation may take; the last task of the run gives it up.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any

import psycopg

from stepwell.errors import DatabaseUnavailable, RunInProgress
from stepwell.etl.connection import TaskConnection, connect
from stepwell.etl.tables import make_tables

_PATIENCE = 1.0  # seconds in which PostgreSQL notices that the holder, which was killed just now, is gone
_KEY = "select hashtextextended(format('stepwell lease %s %s', $1::text, $2::text), 0)"
_TAKE = "select pg_try_advisory_lock($1)"
_GIVE_BACK = "select pg_advisory_unlock($1)"
# A bigint key is split into two halves there.
_HOLDER = """
select application_name, backend_start, coalesce(host(client_addr), 'this machine')
from pg_locks join pg_stat_activity using (pid)
where locktype = 'advisory' and granted and objsubid = 1 and pid <> pg_backend_pid()
  and pg_locks.database = (select oid from pg_database where datname = current_database())
  and ((classid::int8 << 32) | objid::int8) = $1
"""
# So that PostgreSQL notices within a minute that this machine is gone.
_SETTINGS = """
select set_config('tcp_keepalives_idle', '20', false), set_config('tcp_keepalives_interval', '10', false),
  set_config('tcp_keepalives_count', '3', false), set_config('idle_session_timeout', '0', false)
"""


# The row of a lease is beside those of the tasks, under a name that no task can have.
_ROW = "'(lease)'"
_GOOD = "interval '1020 seconds'"  # Lambda's 900, and two minutes
_RENEW = f"""
insert into stepwell.attempt as mine (pipeline, task, "window", number, run) values ($1, {_ROW}, $2, 1, $3)
on conflict (pipeline, task, "window") do update set run = excluded.run, started_at = clock_timestamp()
where mine.run = excluded.run or mine.started_at < clock_timestamp() - {_GOOD}
returning run
"""
_ROW_HOLDER = f"""
select run, started_at + {_GOOD} from stepwell.attempt
where pipeline = $1 and task = {_ROW} and "window" = $2 and started_at >= clock_timestamp() - {_GOOD}
"""
_END = f"""
delete from stepwell.attempt where pipeline = $1 and task = {_ROW} and "window" = $2 and run = $3
  and (select count(*) from stepwell.receipt where pipeline = $1 and run = $3 and task = any ($4)) = cardinality($4)
"""
_FREE = "select pg_try_advisory_xact_lock($1)"


def renew(connection: TaskConnection, pipeline: str, window: str, run: str) -> None:
    """On AWS, at each invocation. RunInProgress while another run has the lease, here or on some machine. Commits."""
    key = _one(connection, _KEY, pipeline, window)[0]
    if not _one(connection, _FREE, key)[0]:
        holder = _one(connection, _HOLDER, key)
        connection.end(commit=False)
        raise _in_progress(pipeline, window, _session(holder))
    try:
        taken = _one(connection, _RENEW, pipeline, window, run)
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        connection.end(commit=False)
        make_tables(connection)
        taken = _one(connection, _RENEW, pipeline, window, run)
    if taken is None:
        holder = _one(connection, _ROW_HOLDER, pipeline, window)
        connection.end(commit=False)
        raise _in_progress(pipeline, window, _row(holder))
    connection.end(commit=True)


def end(connection: TaskConnection, pipeline: str, window: str, run: str, beside: Sequence[str] = ()) -> None:
    """The run's last task is done, if those `beside` it are done too: then none of them ends it later. Commits."""
    psycopg.RawCursor(connection).execute(_END, [pipeline, window, run, list(beside)])
    connection.end(commit=True)


class Turns:
    """The leases that this process holds, for one pipeline. Raises what `connect` raises; later DatabaseUnavailable."""

    def __init__(self, url: str, pipeline: str, holder: str) -> None:
        """`holder` is how others will call whoever holds a lease."""
        self._pipeline = pipeline
        self._connection: TaskConnection = connect(url, holder)
        self._connection.autocommit = True
        with suppress(psycopg.errors.UndefinedObject):  # PostgreSQL before 14 has no idle_session_timeout
            self._ask(_SETTINGS)

    def take(self, window: str) -> None:
        """RunInProgress, which names the holder, if somebody else has it."""
        key = self._ask(_KEY, self._pipeline, window)[0]
        until = time.monotonic() + _PATIENCE
        while not self._ask(_TAKE, key)[0]:
            if time.monotonic() > until:
                raise _in_progress(self._pipeline, window, _session(self._ask(_HOLDER, key)))
            time.sleep(0.02)
        if holder := self._on_aws(window):
            self._ask(_GIVE_BACK, key)
            raise _in_progress(self._pipeline, window, _row(holder))

    def _on_aws(self, window: str) -> Any:
        try:
            return self._ask(_ROW_HOLDER, self._pipeline, window)
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName, psycopg.errors.InsufficientPrivilege):
            return None

    def give_back(self, window: str) -> None:
        self._ask(_GIVE_BACK, self._ask(_KEY, self._pipeline, window)[0])

    def _ask(self, query: str, *values: Any) -> Any:
        try:
            return _one(self._connection, query, *values)
        except psycopg.OperationalError as error:
            raise DatabaseUnavailable(f"the database has broken off: {error}") from None

    def close(self) -> None:
        """Give back all of them."""
        with suppress(psycopg.Error):
            self._connection.close()

    def __enter__(self) -> "Turns":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _one(connection: TaskConnection, query: str, *values: Any) -> Any:
    return psycopg.RawCursor(connection).execute(query, values).fetchone()


def _in_progress(pipeline: str, window: str, held: str) -> RunInProgress:
    what = f"pipeline {pipeline!r}" + (f" for {window}" if window else "")
    return RunInProgress(f"a run of {what} is under way: its lease in the database is held {held}")


def _session(holder: Any) -> str:
    by = f"by {holder[0]!r} from {holder[2]} since {holder[1]:%Y-%m-%d %H:%M:%S}" if holder else "by somebody else"
    return f"{by}. Wait for it, or end that process: the lease ends with it"


def _row(holder: Any) -> str:
    if not holder:
        return "by a run on AWS"
    return f"by the run {holder[0]} on AWS, until {holder[1]:%H:%M:%S} if it is dead. Wait for it, or go on with it"
