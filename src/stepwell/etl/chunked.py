"""A task in chunks, in three phases: plan, lanes that run until all is done, reconcile; each may be repeated.

The plan takes the attempt's number, and with it the right to commit; the lanes and the reconciliation commit under that
number only. What a run has done stays done: a plan that finds one of the same run goes on with it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from hashlib import sha256
from json import dumps
from typing import Any, NamedTuple

import psycopg
from psycopg import IsolationLevel

from stepwell.errors import ConfigurationError, DataError, NotReconciled
from stepwell.etl.connection import TaskConnection, lease
from stepwell.etl.fence import (
    Attempt,
    Key,
    Receipt,
    begin,
    explained,
    finish,
    lock_number,
    set_limits,
    stored_receipt,
    superseded,
)
from stepwell.etl.lane import Lane, Order, Work
from stepwell.etl.ledger import Draft, Ledger, Stored, Totals, described, open_run
from stepwell.etl.mirror import Reporter, mirror, tell_plan
from stepwell.etl.plan import Plan, Table, find_table, make_plan
from stepwell.etl.tables import make_tables

# The tables are missing, or older than this.
_NOT_MADE = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.InsufficientPrivilege,
)
# What a receipt lacks if the task was done before it was cut into chunks; a state machine wants to find it.
_OF_A_WHOLE = {"chunks": 0, "failed": 0, "lots": 0, "lanes": 0, "checks": 0}


class Job(NamedTuple):
    """A task in chunks, in one invocation.

    `table`, `by`, `size` (rows of a chunk), `lanes`, `deadline` (seconds), `tolerate` are as the pipeline says; a chunk
    that fails is tried `attempts` times, after the errors named in `again`. `freeze` answers what the lanes run, as
    JSON; `work` makes work of that and of the frozen parameters; `check` runs in the transaction of the reconciliation.

    For a load: `at` opens the database whose table is cut, and `find` finds it there; `prepare` is called with what is
    frozen, and how many chunks are done, in the transaction that stores the plan; `finish` with what is frozen, before
    `check`.
    """

    url: str
    application: str
    key: Key
    run: str
    execution: str
    clear: bool
    remaining: Callable[[], float]
    table: str
    by: tuple[str, ...]
    size: int
    lanes: int
    deadline: int
    tolerate: int
    attempts: int
    again: frozenset[str]
    params: Mapping[str, Any]
    freeze: Callable[[TaskConnection, Plan], Any]
    work: Callable[[Any, dict[str, Any]], Work]
    check: Callable[[TaskConnection], dict[str, Any]]
    used_mb: Callable[[], int]
    at: Callable[[TaskConnection], AbstractContextManager[TaskConnection]] = nullcontext
    find: Callable[[TaskConnection, str, Sequence[str]], Table] = find_table
    prepare: Callable[[TaskConnection, Any, int], None] = lambda connection, frozen, done: None
    finish: Callable[[TaskConnection, Any], None] = lambda connection, frozen: None

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.key, self.run)


def plan(job: Job) -> dict[str, Any]:
    """Cut the table, or go on with what this run has done; `lanes` is empty if the run has its receipt already."""
    with lease(job.url, job.application) as connection, explained():
        _limit(connection, job)
        begun = begin(connection, job.key, job.run, job.execution, job.clear)
        if isinstance(begun, Receipt):
            return _planned(job, begun.content["attempt"], 0, 0, 0)
        stored = _stored(connection, job)
        again = stored is not None and job.clear and stored.execution != job.execution
        done = job.ledger.totals(connection).done if stored and not again else 0
        connection.end(commit=False)
        draft, cut = _draft(connection, job, whole=not done)
        _limit(connection, job)
        newest = lock_number(connection, job.key)
        if newest != begun.number:
            raise superseded(job.key, begun.number, newest)
        if stored and done:
            return _go_on(connection, job, begun.number, stored, draft, done)
        lanes = min(job.lanes, len(cut.chunks))
        job.prepare(connection, draft.narrowed, 0)
        job.ledger.store(connection, begun.number, job.execution, draft, cut, lanes, job.deadline)
        connection.end(commit=True)
        tell_plan(connection, job.ledger)
        return _planned(job, begun.number, len(cut.chunks), cut.rows, lanes)


def lane(job: Job, number: int | None = None, index: int = 0) -> dict[str, Any]:
    """Run lots until all chunks are over with (`done`), or the invocation's time is. `number` is the plan's."""
    stored = _must_have_plan(job)
    if number is not None and number != stored.number:
        raise superseded(job.key, number, stored.number)
    order = Order(
        url=job.url,
        application=job.application,
        ledger=job.ledger,
        number=stored.number,
        chunks=stored.chunks,
        rows=stored.rows,
        lanes=stored.lanes,
        work=job.work(stored.narrowed, stored.params),
        tolerate=job.tolerate,
        attempts=job.attempts,
        again=job.again,
    )
    with Reporter(job.ledger) as report:
        mine = Lane(order, index, job.remaining, report)
        done = mine.run()
    return {
        "task": job.key.task,
        "done": done,
        "lane": index,
        "number": stored.number,
        "rows": mine.rows,
        "chunks": mine.chunks,
        "lots": mine.lots,
    }


def reconcile(job: Job, number: int | None = None) -> dict[str, Any]:
    """If every chunk is done and their rows add up, store the task's receipt. Else raise NotReconciled or DataError."""
    with lease(job.url, job.application) as connection, explained():
        _limit(connection, job)
        stored = _stored(connection, job)
        attempt = Attempt(job.key, job.run, job.execution, job.clear, number or (stored.number if stored else 0))
        receipt = stored_receipt(connection, attempt)
        if receipt is not None:
            connection.end(commit=False)
            return {**_OF_A_WHOLE, **receipt.repeated()}
        if stored is None:
            raise _no_plan(job)
        try:
            return _reconciled(connection, job, stored, attempt)
        finally:
            mirror(connection, job.ledger, job.tolerate)


def go_on(job: Job) -> dict[str, Any]:
    """All phases in one invocation, as far as its time goes; another one goes on where this one ends.

    Answers `{"done": false, …}`, or the receipt.
    """
    job = adopted(job)
    with lease(job.url, job.application) as connection, explained():
        _limit(connection, job)
        stored = _stored(connection, job)
        ready = stored is not None and not stored.reconciled and not stored.expired
        ready = ready and not job.ledger.failed(connection)
        connection.end(commit=False)
    number = stored.number if stored and ready else plan(job)["number"]
    if not _must_have_plan(job).reconciled:
        import random

        told = lane(job, number, random.randrange(job.lanes))  # noqa: S311  not a secret
        if not told["done"]:
            return _unfinished(job, told)
    return reconcile(job, number)


def adopted(job: Job) -> Job:
    """A bare invocation goes on with the run of those before it."""
    if not job.run.startswith("invoke-"):
        return job
    with lease(job.url, job.application) as connection, explained():
        _limit(connection, job)
        _stored(connection, job)
        return job._replace(run=open_run(connection, job.key) or job.run)


# Planning


def _draft(connection: TaskConnection, job: Job, whole: bool) -> tuple[Draft, Plan]:
    """What is to be frozen, seen in one snapshot; the chunks only if they are planned as a `whole`."""
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    try:
        _limit(connection, job)
        with job.at(connection) as there:
            table = job.find(there, job.table, job.by)
            cut = make_plan(there, table, job.size) if whole else Plan((), ())
        if whole:
            _tell_cut(job, table, cut)
        key = {"table": table.name, **table.key._asdict()}
        document = dumps([key, frozen := job.freeze(connection, cut), dict(job.params)], sort_keys=True, default=str)
    finally:
        if not connection.closed:
            connection.end(commit=False)
            connection.isolation_level = None
    return Draft(sha256(document.encode()).hexdigest(), frozen, job.params, _plain(key)), cut


def _go_on(
    connection: TaskConnection, job: Job, number: int, stored: Stored, draft: Draft, done: int
) -> dict[str, Any]:
    """With the chunks that are there: what is done stays done, what has failed gets another chance."""
    again = f"To do all of it again: resume the run with --from {job.key.task}"
    if stored.key != draft.key:
        raise ConfigurationError(
            f"the run has done {done} of {stored.chunks} chunks of {stored.key['table']} by "
            f"({', '.join(stored.key['columns'])}), and the task, or the table, is cut otherwise now. {again}"
        )
    print(f"{job.key.task} goes on: {done} of {stored.chunks} chunks are done", flush=True)
    if stored.hash != draft.hash:
        print(f"they were done by what the task was before; the others are done by what it is now. {again}", flush=True)
    lanes = min(job.lanes, stored.chunks)
    job.prepare(connection, draft.narrowed, done)
    job.ledger.reopen(connection, number, draft, lanes, job.deadline)
    connection.end(commit=True)
    mirror(connection, job.ledger, job.tolerate)
    return _planned(job, number, stored.chunks, stored.rows, lanes)


def _planned(job: Job, number: int, chunks: int, rows: int, lanes: int) -> dict[str, Any]:
    told = {"task": job.key.task, "number": number, "chunks": chunks, "rows": rows}
    return {**told, "lanes": list(range(lanes))}


def _tell_cut(job: Job, table: Table, cut: Plan) -> None:
    largest = max((chunk.rows for chunk in cut.chunks), default=0)
    by = ", ".join(job.by)
    print(
        f"{len(cut.chunks):,} chunks of {table.name} by {by}: {cut.rows:,} rows, at most {largest:,} in one", flush=True
    )
    for number in cut.oversized[:5]:
        print(f"cannot be cut smaller: {described(cut.chunks[number - 1])}", flush=True)


# Reconciling


def _reconciled(connection: TaskConnection, job: Job, stored: Stored, attempt: Attempt) -> dict[str, Any]:
    newest = lock_number(connection, job.key)
    if newest != attempt.number:
        raise superseded(job.key, attempt.number, newest)
    totals = job.ledger.totals(connection)
    _must_add_up(connection, job, stored, totals)
    connection.guarded = True
    job.finish(connection, stored.narrowed)
    checked = job.check(connection)
    job.ledger.reconciled(connection)
    seconds = stored.now - stored.opened_at
    receipt = {
        "task": job.key.task,
        "run": job.run,
        "status": "done",
        "rows": totals.rows_done,
        "seconds": round(seconds, 3),
        "attempt": attempt.number,
        "used": {"ms": totals.ms, "mb": job.used_mb()},
        "chunks": totals.chunks,
        "failed": totals.failed,
        "lots": totals.lots,
        "lanes": totals.lanes,
        "checks": 0,
        "repeated": False,
        **checked,
    }
    return finish(connection, attempt, receipt)


def _must_add_up(connection: TaskConnection, job: Job, stored: Stored, totals: Totals) -> None:
    left = totals.chunks - totals.done - totals.failed
    if (totals.chunks, totals.rows) != (stored.chunks, stored.rows):
        raise NotReconciled(
            f"{stored.chunks:,} chunks with {stored.rows:,} rows were planned, and the ledger holds {totals.chunks:,} "
            f"with {totals.rows:,}: somebody has changed stepwell.chunk"
        )
    if left or totals.failed > job.tolerate:
        error = NotReconciled if left else DataError
        lines = [
            f"{totals.done:,} of {totals.chunks:,} chunks are done, {totals.failed:,} have failed (tolerated: "
            f"{job.tolerate:,}), {left:,} were not run; what is done stays done",
            *job.ledger.wrong(connection),
        ]
        raise error("\n".join(lines))


def _unfinished(job: Job, told: dict[str, Any]) -> dict[str, Any]:
    with lease(job.url, job.application) as connection, explained():
        totals = job.ledger.totals(connection)
    answer = {"task": job.key.task, "run": job.run, "status": "running", "done": False, "rows": totals.rows_done}
    return {**answer, "chunks": totals.chunks, "chunks_done": totals.done, "lots": told["lots"]}


# The ledger


def _limit(connection: TaskConnection, job: Job) -> None:
    connection.deadline = time.monotonic() + max(1.0, job.remaining())
    set_limits(connection)


def _stored(connection: TaskConnection, job: Job) -> Stored | None:
    try:
        return job.ledger.find(connection)
    except _NOT_MADE:
        connection.end(commit=False)
        make_tables(connection)
        _limit(connection, job)
        return job.ledger.find(connection)


def _must_have_plan(job: Job) -> Stored:
    with lease(job.url, job.application) as connection, explained():
        _limit(connection, job)
        stored = _stored(connection, job)
    if stored is None:
        raise _no_plan(job)
    return stored


def _no_plan(job: Job) -> ConfigurationError:
    return ConfigurationError(
        f'the run {job.run} has no plan of task {job.key.task!r}: {{"phase": "plan"}} comes before its lanes'
    )


def _plain(key: dict[str, Any]) -> dict[str, Any]:
    """As JSON gives it back."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in key.items()}
