"""Tells the progress store what the ledger holds: beside the work, after the commit, and never deciding anything."""

from collections.abc import Callable, Sequence
from contextlib import suppress

import psycopg

from stepwell.etl.connection import TaskConnection
from stepwell.etl.ledger import Ledger, Outcome
from stepwell.progress import ChunkState, NoProgress, Summary, open_progress
from stepwell.progress.writer import Writer

_CLOSING = 2.0  # seconds that writing the last progress may take


class Reporter:
    """Hands the outcomes of lots to the store; as a context manager it gives the function to hand them to."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._store = open_progress()
        self._writer = None if isinstance(self._store, NoProgress) else Writer(self._store)

    def __enter__(self) -> Callable[[Sequence[Outcome]], None]:
        return self._put

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close(_CLOSING)
        self._store.close()

    def _put(self, outcomes: Sequence[Outcome]) -> None:
        if self._writer is not None:
            self._writer.put([_state(self._ledger, outcome) for outcome in outcomes])


def tell_plan(connection: TaskConnection, ledger: Ledger) -> None:
    """A new plan was made."""
    store = open_progress()
    if not isinstance(store, NoProgress):
        with suppress(psycopg.Error):
            store.plan(_summary(connection, ledger, 0))
            connection.end(commit=False)
    store.close()


def mirror(connection: TaskConnection, ledger: Ledger, tolerate: int) -> None:
    """Make the store equal to the ledger. What was not tried yet is not in the store."""
    store = open_progress()
    if not isinstance(store, NoProgress):
        with suppress(psycopg.Error):
            connection.end(commit=False)
            outcomes = ledger.outcomes(connection)
            summary = _summary(connection, ledger, tolerate)
            connection.end(commit=False)
            store.rebuild(summary, [_state(ledger, outcome) for outcome in outcomes if outcome.attempts])
    store.close()


def _summary(connection: TaskConnection, ledger: Ledger, tolerate: int) -> Summary:
    stored, totals = ledger.find(connection), ledger.totals(connection)
    assert stored is not None
    failed = totals.failed > tolerate
    return Summary(
        pipeline=ledger.key.pipeline,
        run=ledger.run,
        task=ledger.key.task,
        chunks=stored.chunks,
        done=totals.done,
        failed=totals.failed,
        rows=totals.rows_done,
        rows_planned=stored.rows,
        started_at=stored.planned_at,
        updated_at=stored.now,
        lanes=stored.lanes,
        state="done" if stored.reconciled else "failed" if failed else "running",
    )


def _state(ledger: Ledger, outcome: Outcome) -> ChunkState:
    return ChunkState(
        run=ledger.run,
        pipeline=ledger.key.pipeline,
        task=ledger.key.task,
        chunk=outcome.chunk,
        state=outcome.state,
        rows=outcome.rows,
        ms=outcome.ms,
        attempts=outcome.attempts,
        lane=outcome.lane,
        error=outcome.error,
        finished_at=outcome.moment,
    )
