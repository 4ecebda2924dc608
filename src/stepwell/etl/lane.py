"""One of the loops that run a task's chunks: lot after lot until all are done, or until the invocation's time is over.

A lot is one transaction: its chunks' rows are locked, the work is done, they are turned to done, all is committed. What
fails is rolled back and told to the ledger in a transaction of its own. Nothing is remembered outside the ledger: any
number of lanes, in any processes, also the same one twice, do each chunk once.
"""

import random
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import psycopg

from stepwell.errors import (
    ConnectionLost,
    DatabaseUnavailable,
    DataError,
    DeadlineExceeded,
    DeadlockDetected,
    LockNotAvailable,
    SerializationFailure,
    StepwellError,
)
from stepwell.etl.connection import TaskConnection, lease
from stepwell.etl.failure import explain
from stepwell.etl.fence import must_be_open, set_limits, superseded
from stepwell.etl.ledger import Ledger, Lot, Outcome, State, described
from stepwell.etl.pace import Pace
from stepwell.etl.redact import redacted

Work = Callable[[TaskConnection, Lot], int]
Report = Callable[[Sequence[Outcome]], None]

# Somebody else was in the way, or the network: the same work can be done in a moment.
_AGAIN = (ConnectionLost, DatabaseUnavailable, DeadlockDetected, LockNotAvailable, SerializationFailure)
_PATIENCE = 10  # troubles in a row that a lane bears
_LARGEST = 1000  # chunks in a lot
_FINISH = 2.0  # seconds that turning the lot to done may take, at least
_RESERVE = 0.2  # seconds kept for the commit
_FRESH = 0.8  # of its time is still before an invocation that has only just begun


class Order(NamedTuple):
    """What a lane is to run, and how it may fail.

    `attempts` is how often a chunk that fails may be tried, `again` the names of errors for which trying again helps.
    """

    url: str
    application: str
    ledger: Ledger
    number: int
    chunks: int
    rows: int
    lanes: int
    work: Work
    tolerate: int = 0
    attempts: int = 1
    again: frozenset[str] = frozenset()


class Lane:
    """Runs lots. `remaining` are the seconds that the invocation has left."""

    def __init__(self, order: Order, number: int, remaining: Callable[[], float], report: Report) -> None:
        self._order, self._ledger = order, order.ledger
        self.number = number
        self._remaining = remaining
        self._report = report
        self._started, self._has = time.monotonic(), remaining()
        self._mean = max(1.0, order.rows / max(order.chunks, 1))
        self._at = 1 + number % order.lanes * order.chunks // order.lanes
        self._pace: Pace | None = None
        self._lot: Lot | None = None  # the one under way
        self._transaction = 0  # in which it was taken
        self._began = 0.0
        self._troubles = 0
        self._final: Exception | None = None  # what the lane itself ends with
        self._verdict: Callable[[TaskConnection], None] | None = None  # what the ledger is to be told of a failure
        self.rows = self.chunks = self.lots = 0

    def run(self) -> bool:
        """Whether all chunks of the task are over with; False if there is more to do in another invocation.

        Raises Superseded if a newer attempt has begun, DeadlineExceeded when the task's own deadline has passed, what
        a chunk has failed with if no more failures are tolerated, and what would fail every chunk.
        """
        while self._remaining() > 0:
            try:
                with lease(self._order.url, self._order.application) as connection:
                    return self._loop(connection)
            except Exception as error:
                self._decide(error)
        self._speak_last()
        return False

    def _loop(self, connection: TaskConnection) -> bool:
        pause = 0.02
        while True:
            self._speak(connection)
            lot = self._take(connection)
            if lot is not None:
                self._do(connection, lot)
                pause = 0.02
                continue
            left, untried = self._ledger.left(connection)
            connection.end(commit=False)
            if not left:
                return True
            if not self._has_time(1) or (not untried and not self._is_fresh()):
                return False
            # Others run what is left. Should one of them die, its chunks are free again.
            time.sleep(min(pause, max(0.0, self._remaining())))
            pause = min(pause * 1.5, 0.5)

    # One lot

    def _take(self, connection: TaskConnection) -> Lot | None:
        connection.deadline = time.monotonic() + max(_RESERVE, self._remaining())
        pace = self._pace = self._pace or self._first_pace(connection)
        found = None
        if self._has_time(round(self._mean)):
            rows = min(pace.size, max(1, pace.fitting((self._remaining() - _RESERVE) / 1.5)))
            chunks = min(_LARGEST, max(1, round(rows / self._mean)))
            found = self._ledger.take(connection, self._at, self._is_fresh(), chunks, rows, self._order.lanes)
        lot, state = found or (None, self._ledger.state(connection))
        self._check_plan(connection, state)
        if not pace.explores and state.lot:
            pace.base = state.lot
        self._transaction = state.transaction
        return lot

    def _first_pace(self, connection: TaskConnection) -> Pace:
        """As it was in the invocation before; the first lane tries for all whether other sizes are better."""
        known = self._ledger.state(connection).lot
        measured = self._ledger.rate(connection)
        mean = round(self._mean)
        return Pace(self._has, known or mean, *measured, explores=self.number == 0, tried=bool(known), least=mean)

    def _check_plan(self, connection: TaskConnection, state: State) -> None:
        if state.number != self._order.number:
            raise superseded(self._ledger.key, self._order.number, state.number)
        if state.expired:
            left, _ = self._ledger.left(connection)
            self._final = DeadlineExceeded(
                f"the deadline of the task's chunks has passed with {left} of {self._order.chunks} not done. What is "
                "done stays done. Give Chunks a longer deadline=, or go on with the rest as it is: resume the run"
            )
            raise self._final

    def _do(self, connection: TaskConnection, lot: Lot) -> None:
        pace = self._pace
        assert pace is not None
        self._lot, self._began = lot, time.monotonic()
        limit = self._remaining() if len(lot.chunks) == 1 else min(pace.limit, self._remaining())
        connection.deadline = self._began + max(_RESERVE, limit)
        connection.guarded = True
        rows = self._order.work(connection, lot)
        must_be_open(connection)
        seconds = time.monotonic() - self._began
        if connection.seconds_left() < _FINISH:
            connection.deadline = time.monotonic() + _FINISH
            connection.keep_deadline()
        outcomes = self._ledger.done(connection, self._order.number, self.number, lot, rows, seconds, self._transaction)
        connection.end(commit=True)
        self._lot, self._troubles = None, 0
        self._learn(connection, pace, lot, seconds)
        self._at = lot.chunks[-1].number + 1
        self.rows, self.chunks, self.lots = self.rows + rows, self.chunks + len(lot.chunks), self.lots + 1
        self._report(outcomes)

    def _learn(self, connection: TaskConnection, pace: Pace, lot: Lot, seconds: float) -> None:
        before = pace.base
        pace.ran(lot.rows, seconds)
        if pace.explores and pace.base != before:
            set_limits(connection)
            self._ledger.found(connection, self._order.number, pace.base)
            connection.end(commit=True)

    def _has_time(self, rows: int) -> bool:
        """For the commit, and for so many rows, half as slow again as they were."""
        expected = self._pace.expected(rows) if self._pace and self.lots else 0.0
        return self._remaining() > _RESERVE + 1.5 * expected

    def _is_fresh(self, moment: float | None = None) -> bool:
        """Whether the invocation has (or had) nearly all of its time before it."""
        return (moment or time.monotonic()) - self._started <= (1 - _FRESH) * self._has

    # What fails

    def _decide(self, error: Exception) -> None:
        """What is to become of the lot under way; raises what would fail any other as well."""
        told = explain(error) if isinstance(error, psycopg.Error) else error
        lot, self._lot = self._lot, None
        of_chunk = not isinstance(told, StepwellError) or isinstance(told, (DataError, DeadlineExceeded))
        if error is self._final:
            raise error
        if isinstance(told, _AGAIN):
            self._bear(told)
        elif lot is None and isinstance(told, DeadlineExceeded):
            return  # the invocation's time is over
        elif lot is None or not of_chunk:
            raise told from (None if told is error else error)
        elif len(lot.chunks) > 1:
            if isinstance(told, DeadlineExceeded) and self._pace is not None:
                self._pace.gave_up(lot.rows)
            self._verdict = lambda connection: self._part(connection, lot)
        else:
            fresh = self._is_fresh(self._began)
            self._verdict = lambda connection: self._tried(connection, lot, told, fresh)

    def _bear(self, error: StepwellError) -> None:
        """Wait a moment, longer each time; take less, since large lots are in each other's way more often."""
        self._troubles += 1
        if self._troubles > _PATIENCE:
            raise error
        if self._pace is not None and not isinstance(error, (ConnectionLost, DatabaseUnavailable)):
            self._pace.gave_way()
        wait = min(5.0, 0.05 * 2**self._troubles) * random.uniform(0.5, 1.0)  # noqa: S311  not a secret
        time.sleep(min(wait, max(0.0, self._remaining())))

    def _speak(self, connection: TaskConnection) -> None:
        verdict = self._verdict
        if verdict is not None:
            connection.deadline = time.monotonic() + max(1.0, self._remaining())
            set_limits(connection)
            verdict(connection)

    def _speak_last(self) -> None:
        """With the time that is kept for rolling back. If it fails, the chunk is tried once more than it should."""
        if self._verdict is not None:
            try:
                with lease(self._order.url, self._order.application) as connection:
                    self._speak(connection)
            except (psycopg.Error, DeadlineExceeded, *_AGAIN) as error:
                if error is self._final:
                    raise

    def _part(self, connection: TaskConnection, lot: Lot) -> None:
        """Its chunks are run one by one, to find the one that is to blame."""
        self._ledger.alone(connection, self._order.number, lot)
        connection.end(commit=True)
        self._verdict = None

    def _tried(self, connection: TaskConnection, lot: Lot, error: Exception, fresh: bool) -> None:
        """A chunk has failed alone. What took too long counts only if it had an invocation's whole time."""
        timed_out = isinstance(error, DeadlineExceeded)
        helps = timed_out or type(error).__name__ in self._order.again
        counts = fresh or not timed_out
        over = counts and (not helps or lot.attempts + 1 >= self._order.attempts)
        text = redacted(f"{type(error).__name__}: {error}")[:4000]
        outcome = self._ledger.tried(connection, self._order.number, self.number, lot, text, counts, over)
        failures = self._ledger.failed(connection)
        connection.end(commit=True)
        self._verdict = None
        if outcome is not None and over:
            self._report([outcome])
            print(f"{described(lot.chunks[0])} has failed: {text}", flush=True)
        if failures > self._order.tolerate:
            self._final = _about(error, lot)
            raise self._final


def _about(error: Exception, lot: Lot) -> Exception:
    """The error with the chunk in which it happened, if it is one of ours."""
    if not isinstance(error, StepwellError):
        return error
    return type(error)(f"{error.message}\nIn {described(lot.chunks[0])}. What other chunks have done stays done.")
