"""No two runs of a pipeline for one window at once, on whatever machines: a lease in the target database.

A lease is an advisory lock of a session. PostgreSQL lets go of it when the session ends, however the process died; of a
machine that is cut off, as soon as its TCP connection is given up, after about a minute. There is no row to be cleaned
up and no time to wait for. A session lock needs a session of its own: no pooler that shares sessions may be in between.
"""

import time
from contextlib import suppress
from types import TracebackType
from typing import Any

import psycopg

from stepwell.errors import RunInProgress
from stepwell.etl.connection import TaskConnection, connect

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


class Turns:
    """The leases that this process holds, for one pipeline. Raises what `connect` raises."""

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
                raise RunInProgress(self._held(window, key))
            time.sleep(0.02)

    def give_back(self, window: str) -> None:
        self._ask(_GIVE_BACK, self._ask(_KEY, self._pipeline, window)[0])

    def _held(self, window: str, key: int) -> str:
        what = f"pipeline {self._pipeline!r}" + (f" for {window}" if window else "")
        holder = self._ask(_HOLDER, key)
        by = f"by {holder[0]!r} from {holder[2]} since {holder[1]:%Y-%m-%d %H:%M:%S}" if holder else "by somebody else"
        return (
            f"a run of {what} is under way: its lease in the database is held {by}. Wait for it, or end that process: "
            "the lease ends with it"
        )

    def _ask(self, query: str, *values: Any) -> Any:
        return psycopg.RawCursor(self._connection).execute(query, values).fetchone()

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
