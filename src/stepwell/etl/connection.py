"""The connection that a task works on: one a process and database, kept while warm, whose transaction is Stepwell's."""

import atexit
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow, tuple_row

from stepwell.errors import DeadlineExceeded, TransactionMisuse
from stepwell.etl.address import connectable, lasting
from stepwell.etl.redact import remember_url
from stepwell.etl.refusal import malformed, spills_password, unreachable

_DEFAULTS = {
    "connect_timeout": "10",
    # A connection that a network device dropped in silence is noticed within half a minute, not after two hours.
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
_AS_ASKED = ("42P06", "42P07")  # a schema or relation is there already: IF NOT EXISTS has said that it may be
_warm: dict[tuple[int, str], "TaskConnection"] = {}
_door = threading.Lock()


class TaskConnection(psycopg.Connection[TupleRow]):
    """A psycopg connection that keeps a deadline, and on which a task cannot end Stepwell's transaction.

    While `guarded`, `commit()`, `rollback()`, `close()` and leaving `with connection:` raise TransactionMisuse;
    `with connection.transaction():` is a savepoint. `deadline` is a moment of `time.monotonic()`.
    """

    url = ""
    application = ""
    guarded = False
    busy = False
    deadline: float | None = None

    def commit(self) -> None:
        self._refuse("connection.commit()")
        super().commit()

    def rollback(self) -> None:
        self._refuse("connection.rollback()")
        super().rollback()

    def close(self) -> None:
        self._refuse("connection.close()")
        super().close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._refuse("leaving `with connection:`")
        if not self.guarded:
            super().__exit__(kind, error, trace)

    def _refuse(self, what: str) -> None:
        if self.guarded:
            raise TransactionMisuse(
                f"{_caller()}{what} inside a task: Stepwell commits the task's transaction together with its "
                "receipt. Remove it; for a part that may fail use `with connection.transaction():` (a savepoint). "
                "A task that must commit by itself is declared with @pipeline.task(transaction=False)."
            )

    def seconds_left(self) -> float:
        return self.deadline - time.monotonic() if self.deadline is not None else 0.0

    def remaining(self) -> float | None:
        """Seconds until the deadline; None without one. Raises DeadlineExceeded once it has passed."""
        if self.deadline is None:
            return None
        seconds = self.seconds_left()
        if seconds <= 0:
            raise DeadlineExceeded("the task's time was over before its next statement; nothing was committed")
        return seconds

    def keep_deadline(self) -> None:
        """Let PostgreSQL cancel the next statement when the task's time is over."""
        seconds = self.remaining()
        if seconds is not None:
            query = "select set_config('statement_timeout', $1, $2)"
            psycopg.RawCursor(self).execute(query, [milliseconds(seconds), not self.autocommit])

    def end(self, commit: bool) -> None:
        """End the transaction, as only Stepwell may."""
        self.guarded = False
        if commit:
            super().commit()
        else:
            super().rollback()

    def as_made(self) -> None:
        """Undo what a task may have turned at psycopg's own switches, which outlive its transaction."""
        self.row_factory, self.cursor_factory, self.prepare_threshold = tuple_row, psycopg.Cursor, None
        if not self.guarded and self.info.transaction_status == TransactionStatus.IDLE:
            self.autocommit = True  # as a task without a transaction was given it: its checks open none

    def clean(self) -> None:
        """Undo what is left of a task: its transaction and session settings; close what cannot be cleaned."""
        self.as_made()
        self.guarded = False
        self.deadline = None
        try:
            if self.info.transaction_status == TransactionStatus.ACTIVE:
                # An alarm interrupted the wait for an answer: its place in the protocol is lost.
                self.cancel_safe(timeout=2)
                self.close()
            if not self.closed:
                super().rollback()
                self.isolation_level = self.read_only = self.deferrable = None
                self.autocommit = True
                self.execute("discard all")
                self.autocommit = False
        except psycopg.Error:
            with suppress(psycopg.Error):
                self.close()

    def is_alive(self) -> bool:
        """Ask the server, with an empty query: it may have gone while this process was frozen."""
        if self.closed:
            return False
        status = self.pgconn.exec_(b"").status
        return status == psycopg.pq.ExecStatus.EMPTY_QUERY


def milliseconds(seconds: float) -> str:
    return str(max(1, int(seconds * 1000)))


def connect(url: str, application: str) -> TaskConnection:
    """A new connection.

    Raises ConfigurationError (a malformed URL, a wrong password, an unknown role or database) or DatabaseUnavailable
    (refused, timed out, starting up, too many connections), with the address but never the password.
    """
    text = connectable(url)
    remember_url(text)
    try:
        given = conninfo_to_dict(text)
    except (psycopg.Error, ValueError):
        given = None
    if given is None or not text.strip() or spills_password(text):
        raise malformed(text)
    options: dict[str, Any] = {
        **_DEFAULTS,
        **given,
        "application_name": application[:63],
        # Both ends of a copy must speak the same encoding, whatever the databases are in.
        "client_encoding": "UTF8",
    }
    try:
        connection = TaskConnection.connect("", prepare_threshold=None, **options)
    except psycopg.Error as error:
        refusal = unreachable(error, given)
    else:
        connection.url, connection.application = url, application
        connection.add_notice_handler(_print_notice)
        return connection
    raise refusal from None


def connection_for(url: str, application: str) -> TaskConnection:
    """This process's connection to a database: the warm one if it lives and nobody works on it, else a new one."""
    with _door:
        return _choose(url, application)


@contextmanager
def lease(url: str, application: str) -> Iterator[TaskConnection]:
    """The same for one task alone; cleaned afterwards, so that nothing of one task is left for the next."""
    with _door:
        connection = _choose(url, application)
        connection.busy = True
    try:
        yield connection
    finally:
        try:
            connection.clean()
        finally:
            connection.busy = False
            if _warm.get((os.getpid(), lasting(url))) is not connection:
                connection.close()


def close_all() -> None:
    """Close the connections that this process keeps warm."""
    for key in list(_warm):
        connection = _warm.pop(key)
        if key[0] == os.getpid():
            connection.guarded = False
            connection.close()


def _choose(url: str, application: str) -> TaskConnection:
    key = os.getpid(), lasting(url)  # a forked child must not talk on its parent's connection
    warm = _warm.get(key)
    if warm is not None and warm.busy:
        return connect(url, application)
    if warm is not None and _is_fit(warm):
        warm.application = application
        return warm
    _let_go(key[0])
    fresh = _warm[key] = connect(url, application)
    return fresh


def _let_go(process: int) -> None:
    """Close what this process keeps warm for another URL: one connection a process, also when the password changes."""
    for key, connection in list(_warm.items()):
        if key[0] == process and not connection.busy:
            del _warm[key]
            connection.guarded = False
            connection.close()


def _is_fit(connection: TaskConnection) -> bool:
    if connection.info.transaction_status != TransactionStatus.IDLE:
        connection.clean()
    if connection.is_alive():
        return True
    connection.close()
    return False


def _caller() -> str:
    """`file:line: ` of the code outside psycopg and Stepwell that called."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in ("psycopg", "stepwell"):
        frame = frame.f_back  # type: ignore[assignment]
    return f"{frame.f_code.co_filename}:{frame.f_lineno}: " if frame is not None else ""


def _print_notice(notice: psycopg.errors.Diagnostic) -> None:
    if notice.sqlstate not in _AS_ASKED:
        print(f"{notice.severity}: {notice.message_primary}", flush=True)


atexit.register(close_all)
