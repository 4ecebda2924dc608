"""Exactly once: an attempt takes a number, works in one transaction, and commits only if its number is the newest.

The receipt is stored in the same transaction, in the target database, so that work and receipt are there both or
neither. Whoever comes later (a retry, a duplicate, a zombie) finds the receipt and answers it instead of working.
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.types.json import Jsonb

from stepwell.errors import ConnectionLost, StepwellError, Superseded, TransactionMisuse
from stepwell.etl.connection import TaskConnection, connect, lease, milliseconds
from stepwell.etl.failure import explain
from stepwell.etl.tables import make_tables

Work = Callable[[TaskConnection, int], dict[str, Any]]

_LOCK_SECONDS = 10.0
_FINISH_SECONDS = 2.0  # what storing the receipt may take, at least

# The next number for this task and window, unless the run has a receipt for it already.
# $4: ignore a receipt that another execution ($5) stored.
_TAKE = """
with stored as materialized (
  select receipt from stepwell.receipt
  where pipeline = $1::text and run = $2::text and task = $3::text and not ($4::boolean and execution <> $5::text)
), taken as (
  insert into stepwell.attempt as mine (pipeline, task, "window", number, run)
  select $1::text, $3::text, $6::text, 1, $2::text where not exists (table stored)
  on conflict (pipeline, task, "window")
  do update set number = mine.number + 1, run = excluded.run, started_at = clock_timestamp()
  returning number
)
select (table stored), (table taken)
"""
# Everyone who wants to commit for this task and window waits here for whoever is about to.
_LOCK = 'select number from stepwell.attempt where pipeline = $1 and task = $2 and "window" = $3 for update'
_STORED = """
select receipt from stepwell.receipt
where pipeline = $1 and run = $2 and task = $3 and not ($4::boolean and execution <> $5::text)
"""
_STORE = """
insert into stepwell.receipt (pipeline, run, task, execution, receipt) values ($1, $2, $3, $4, $5)
on conflict (pipeline, run, task)
do update set execution = excluded.execution, receipt = excluded.receipt, committed_at = clock_timestamp()
"""
_FORGET = "delete from stepwell.receipt where pipeline = $1 and run = $2 and task = any($3)"
# What ends a transaction whose client is dead, frozen or too slow. Only some platforms can watch the client.
_SETTINGS = """
set_config('statement_timeout', $1, $5), set_config('idle_in_transaction_session_timeout', $2, $5),
  set_config('lock_timeout', $3, $5), set_config('application_name', $4, $5),
  case when version() ~ 'linux' and current_setting('server_version_num')::int >= 140000
         or version() ~ 'darwin|bsd' and current_setting('server_version_num')::int >= 150000
    then set_config('client_connection_check_interval', $6, $5) end as watched,
  case when current_setting('server_version_num')::int >= 170000 then set_config('transaction_timeout', '0', $5) end
"""


class Key(NamedTuple):
    """What is attempted: a task of a pipeline, for a window ("" if it has none)."""

    pipeline: str
    task: str
    window: str


class Attempt(NamedTuple):
    """The right to try: the newest number of its key, until somebody takes the next."""

    key: Key
    run: str
    execution: str
    clear: bool
    number: int


class Receipt(NamedTuple):
    """What a task of a run left behind when it was committed."""

    content: dict[str, Any]

    def repeated(self) -> dict[str, Any]:
        return {**self.content, "repeated": True}


def run_fenced(
    url: str,
    key: Key,
    run: str,
    execution: str,
    clear: bool,
    seconds: float,
    application: str,
    work: Work,
) -> dict[str, Any]:
    """Do `work(connection, attempt number)` in one transaction and commit it with the receipt that it answers.

    A stored receipt is answered instead, plus `"repeated": true`; `clear` ignores one of another execution. Raises
    Superseded if a newer attempt has begun, TransactionMisuse if the task ended the transaction itself, and the
    errors of `explain` for what PostgreSQL refuses.
    """
    with lease(url, application) as connection, explained():
        connection.deadline = time.monotonic() + seconds
        begun = begin(connection, key, run, execution, clear)
        if isinstance(begun, Receipt):
            return begun.repeated()
        set_limits(connection)
        connection.guarded = True
        transaction = transaction_of(connection)
        receipt = work(connection, begun.number)
        must_be_in(connection, transaction)
        return finish(connection, begun, receipt)


def run_plain(
    url: str,
    key: Key,
    run: str,
    execution: str,
    clear: bool,
    seconds: float,
    application: str,
    work: Work,
) -> dict[str, Any]:
    """The same without a transaction around `work`, which commits as it likes: done at least once, not exactly once."""
    with lease(url, application) as connection, explained():
        connection.deadline = time.monotonic() + seconds
        begun = begin(connection, key, run, execution, clear)
        if isinstance(begun, Receipt):
            return begun.repeated()
        connection.autocommit = True
        set_limits(connection)
        receipt = work(connection, begun.number)
        _must_be_idle(connection)
    with lease(url, application) as connection, explained():
        return finish(connection, begun, receipt)


def begin(connection: TaskConnection, key: Key, run: str, execution: str, clear: bool = False) -> Attempt | Receipt:
    """Take the next attempt number in a short transaction, or find the receipt of this run."""
    asked = [key.pipeline, run, key.task, clear, execution, key.window]
    try:
        stored, number = _take(connection, asked)
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName, psycopg.errors.InsufficientPrivilege):
        connection.end(commit=False)
        make_tables(connection)
        stored, number = _take(connection, asked)
    connection.end(commit=True)
    return Attempt(key, run, execution, clear, number) if stored is None else Receipt(stored)


def finish(connection: TaskConnection, attempt: Attempt, receipt: dict[str, Any]) -> dict[str, Any]:
    """Commit the transaction together with the receipt, if this attempt is still the one that may."""
    connection.deadline = time.monotonic() + max(connection.seconds_left(), _FINISH_SECONDS)
    connection.guarded = True
    set_limits(connection)
    stored, number = _lock(connection, attempt)
    if stored is not None:
        connection.end(commit=False)
        return stored.repeated()
    if number != attempt.number:
        connection.end(commit=False)
        raise superseded(attempt.key, attempt.number, number)
    key = attempt.key
    _ask(connection, _STORE, [key.pipeline, attempt.run, key.task, attempt.execution, Jsonb(receipt)])
    try:
        connection.end(commit=True)
    except psycopg.Error as error:
        if not isinstance(explain(error), ConnectionLost):
            raise
        return _settle(connection, attempt, receipt, error)
    return receipt


def forget(connection: TaskConnection, pipeline: str, run: str, tasks: Sequence[str]) -> None:
    """Drop the receipts of these tasks of a run, so that they are done again. The caller commits."""
    _ask(connection, _FORGET, [pipeline, run, list(tasks)])


def _take(connection: TaskConnection, asked: list[Any]) -> tuple[dict[str, Any] | None, int]:
    set_limits(connection)
    stored, number = _ask(connection, _TAKE, asked).fetchone() or (None, 0)
    return stored, number


def _lock(connection: TaskConnection, attempt: Attempt) -> tuple[Receipt | None, int | None]:
    """Wait for the right to commit; then: this run's receipt, and the newest attempt number."""
    newest = lock_number(connection, attempt.key)
    # A second statement, since it must see what was committed while the first waited.
    return stored_receipt(connection, attempt), newest


def lock_number(connection: TaskConnection, key: Key) -> int | None:
    """The newest attempt's number, which stays so until this transaction ends."""
    newest = _ask(connection, _LOCK, list(key)).fetchone()
    return newest and newest[0]


def stored_receipt(connection: TaskConnection, attempt: Attempt) -> Receipt | None:
    """What this run has committed for the task."""
    key = attempt.key
    asked = [key.pipeline, attempt.run, key.task, attempt.clear, attempt.execution]
    stored = _ask(connection, _STORED, asked).fetchone()
    return stored and Receipt(stored[0])


def _settle(lost: TaskConnection, attempt: Attempt, receipt: dict[str, Any], error: psycopg.Error) -> dict[str, Any]:
    """COMMIT was sent and no answer came. The receipt decides, once the lost transaction has let go of its row."""
    try:
        with connect(lost.url, lost.application) as connection:
            connection.deadline = time.monotonic() + _LOCK_SECONDS
            set_limits(connection)
            stored, _ = _lock(connection, attempt)
    except (psycopg.Error, StepwellError) as trouble:
        raise ConnectionLost(
            "the connection broke at COMMIT, and the database cannot be asked whether it happened "
            f"({str(trouble).splitlines()[0]}). Running the task again is safe: it finds the receipt if it did."
        ) from error
    if stored is None:
        raise ConnectionLost("the connection broke at COMMIT, and the transaction was rolled back") from error
    return receipt if stored.content == json.loads(json.dumps(receipt)) else stored.repeated()


def _ask(connection: TaskConnection, query: str, values: Sequence[Any]) -> psycopg.RawCursor[Any]:
    return psycopg.RawCursor(connection).execute(query, values)


def set_limits(connection: TaskConnection, watch: str = "2s") -> None:
    """How long statements, locks and silence may take; how often PostgreSQL looks whether the client still lives."""
    _ask(connection, f"select {_SETTINGS}", limits(connection, watch))


def limits(connection: TaskConnection, watch: str) -> list[Any]:
    """The values of `limiting`."""
    seconds = connection.remaining() or _LOCK_SECONDS
    longest = [milliseconds(seconds)] * 2 + [milliseconds(min(_LOCK_SECONDS, seconds))]
    return [*longest, connection.application[:63], not connection.autocommit, watch]


def limiting(first: int) -> str:
    """What `set_limits` does, as expressions for another query, whose six parameters begin with `$first`."""
    return re.sub(r"\$(\d)", lambda mark: f"${first + int(mark[1]) - 1}", _SETTINGS)


def transaction_of(connection: TaskConnection) -> int:
    row = _ask(connection, "select txid_current()", []).fetchone()
    return int(row[0]) if row else 0


def must_be_in(connection: TaskConnection, transaction: int) -> None:
    """The task's transaction must still be open: a COMMIT or ROLLBACK that was sent as SQL has ended it."""
    must_be_open(connection)
    if transaction_of(connection) != transaction:
        raise ended_by_task()


def must_be_open(connection: TaskConnection) -> None:
    """Some transaction must be; that it is still the same one, only the server knows."""
    status = connection.info.transaction_status
    if status == TransactionStatus.INERROR:
        raise explain(psycopg.errors.InFailedSqlTransaction("the task's transaction has failed"))
    if status == TransactionStatus.IDLE:
        raise ended_by_task()


def ended_by_task() -> TransactionMisuse:
    return TransactionMisuse(
        "the task sent COMMIT or ROLLBACK as SQL. What it did before that is out of Stepwell's hands: a COMMIT "
        "has stored it without a receipt. Remove the statement; for a part that may fail use "
        "`with connection.transaction():`. A task that must commit by itself is declared with "
        "@pipeline.task(transaction=False)."
    )


def _must_be_idle(connection: TaskConnection) -> None:
    if not connection.closed and connection.info.transaction_status != TransactionStatus.IDLE:
        raise TransactionMisuse(
            "the task has transaction=False and left a transaction open, which was rolled back: commit it in the task"
        )


def superseded(key: Key, number: int, newest: int | None) -> Superseded:
    return Superseded(
        f"attempt {number} of task {key.task!r} was overtaken by attempt {newest}, which has begun "
        "since: its transaction was rolled back, and the newer attempt's counts"
    )


@contextmanager
def explained() -> Iterator[None]:
    """PostgreSQL's errors under our names."""
    try:
        yield
    except psycopg.Error as error:
        raise explain(error) from error
