"""Map runs and their children: a run's limits are in its row, how far it is are its children, counted by status."""

from collections.abc import Iterable
from sqlite3 import Connection
from typing import Any, NamedTuple

from stepwell.engine.changes import RunChange
from stepwell.engine.context import timestamp
from stepwell.engine.execution import RUNNING
from stepwell.engine.mapruns import child_of, machine_of
from stepwell.journal.store import Store

_KEY = "execution = ? AND event = ?"

# A child that has not been started, or not again. AWS calls only the second by a name.
PENDING, PENDING_REDRIVE = "PENDING", "PENDING_REDRIVE"

PAGE = 500
HIGHEST = 2**63 - 1  # that a row can have for a number


class RunRow(NamedTuple):
    """A map run as DescribeMapRun knows it. `total` is the number of its items, None until all have been read."""

    id: int
    arn: str
    execution: int
    event: int  # the id of its MapRunStarted event
    state: str
    status: str
    concurrency: int
    tolerated_count: int
    tolerated_percentage: float
    total: int | None
    started: int
    stopped: int | None
    redrives: int
    redriven: int | None


class ChildRow(NamedTuple):
    """An execution that a map run has made of one item, or of a batch of so many."""

    id: int
    arn: str
    status: str
    input: str
    output: str | None
    error: str | None
    cause: str | None
    started: int
    stopped: int | None
    redrives: int
    items: int

    def record(self, run: str) -> dict[str, Any]:
        """The child as AWS tells it in result files; `run` is its map run's ARN."""
        redrivable = self.status not in (RUNNING, "SUCCEEDED", PENDING)
        facts = {
            "Cause": self.cause,
            "Error": self.error,
            "ExecutionArn": self.arn,
            "Input": self.input,
            "InputDetails": {"Included": True},
            "Name": self.arn.split(":")[7],
            "Output": self.output,
            "OutputDetails": None if self.output is None else {"Included": True},
            "RedriveCount": self.redrives,
            "RedriveStatus": "REDRIVABLE_BY_MAP_RUN" if redrivable else "NOT_REDRIVABLE",
            "RedriveStatusReason": None if redrivable else f"Execution is {self.status} and cannot be redriven",
            "StartDate": timestamp(self.started) if self.started else None,
            "StateMachineArn": machine_of(run),
            "Status": self.status,
            "StopDate": None if self.stopped is None else timestamp(self.stopped),
        }
        return {key: value for key, value in facts.items() if value is not None}


class Runs:
    def __init__(self, store: Store) -> None:
        self._store = store

    # Writing

    def change(self, db: Connection, execution: int, change: RunChange, now: int) -> None:
        """A run begins, begins again with what has not succeeded, or is over: in the commit of the event that tells."""
        run, key = change.run, (execution, change.run.id)
        if change.status != RUNNING:
            db.execute(f"UPDATE map_runs SET status = ?, stopped = ? WHERE {_KEY}", (change.status, now, *key))
        elif change.plan is not None:
            whole = (min(limit, HIGHEST) for limit in (change.plan.concurrency, change.plan.tolerated_count))
            limits = (*whole, change.plan.tolerated_percentage)
            row = (None, run.arn, *key, change.state, RUNNING, *limits, None, now, None, 0, None)
            db.execute(f"INSERT INTO map_runs VALUES ({', '.join('?' * len(row))})", row)
        else:
            set_ = "status = 'RUNNING', stopped = NULL, redrives = ?, redriven = ?"
            db.execute(f"UPDATE map_runs SET {set_} WHERE {_KEY}", (run.redrives, now, *key))
            which = f"map_run = (SELECT id FROM map_runs WHERE {_KEY}) AND status IN ('FAILED', 'TIMED_OUT', 'ABORTED')"
            db.execute(f"UPDATE executions SET status = '{PENDING_REDRIVE}', owner = '' WHERE {which}", key)

    def fill(self, run: RunRow, express: bool, first: int, inputs: Iterable[tuple[str, int]]) -> None:
        """Add children that wait for their start: each an input and how many items are in it."""
        machine = machine_of(run.arn)
        rows = (
            (child_of(run.arn, place, express), machine, run.id, text, items, run.execution)
            for place, (text, items) in enumerate(inputs, first)
        )
        with self._store.transaction() as db:
            db.executemany(_CHILD, rows)

    def filled(self, run: int, total: int | None) -> None:
        """All items are there; None: begin reading them from the start."""
        with self._store.transaction() as db:
            if total is None:
                db.execute("DELETE FROM executions WHERE map_run = ?", (run,))
            db.execute("UPDATE map_runs SET total = ? WHERE id = ?", (total, run))

    def limit(self, run: RunRow) -> None:
        """Other limits from now on."""
        limits = run.concurrency, run.tolerated_count, run.tolerated_percentage
        change = "UPDATE map_runs SET concurrency = ?, tolerated_count = ?, tolerated_percentage = ? WHERE id = ?"
        self._store.write(change, *limits, run.id)

    def take_over(self, run: int, owner: str) -> list[tuple[int, int]]:
        """The children under way belong to `owner` from now on; which they are, each with its items."""
        change = "UPDATE executions SET owner = ? WHERE map_run = ? AND status = 'RUNNING' RETURNING id, items"
        return self._store.write(change, owner, run)

    # Reading

    def of(self, execution: int, event: int) -> RunRow:
        return self._some(_KEY, execution, event)[0]

    def by_id(self, run: int) -> RunRow:
        return self._some("id = ?", run)[0]

    def by_arn(self, arn: str) -> RunRow | None:
        return next(iter(self._some("arn = ?", arn)), None)

    def of_execution(self, execution: int, before: int | None, limit: int) -> list[RunRow]:
        """The newest first."""
        page = "execution = ? AND id < coalesce(?, id + 1) ORDER BY id DESC LIMIT ?"
        return self._some(page, execution, before, limit)

    def counts(self, run: int) -> dict[str, tuple[int, int]]:
        """By status: how many children, and how many items they have."""
        query = "SELECT status, count(*), sum(items) FROM executions WHERE map_run = ? GROUP BY status"
        return dict(self._store.rows(lambda status, children, items: (status, (children, items)), query, run))

    def waiting(self, run: int, status: str, after: int) -> list[ChildRow]:
        """The next children that are to be started (PENDING) or started again (PENDING_REDRIVE), in order."""
        return self._children("map_run = ? AND status = ? AND id > ?", run, status, after)

    def children(self, run: int, after: int) -> list[ChildRow]:
        """A page of all, in the order of their items. They come after their parent, and are read in that order."""
        return self._children("+map_run = ? AND id > ?", run, after)

    def _children(self, condition: str, *values: Any) -> list[ChildRow]:
        chosen = f"FROM executions WHERE {condition} ORDER BY id LIMIT {PAGE}"
        return self._store.rows(ChildRow, f"SELECT {', '.join(ChildRow._fields)} {chosen}", *values)

    def _some(self, condition: str, *values: Any) -> list[RunRow]:
        return self._store.rows(RunRow, f"SELECT * FROM map_runs WHERE {condition}", *values)


# With the definition and the role of the parent.
_CHILD = (
    "INSERT INTO executions "
    "(arn, machine, map_run, input, items, definition, role, status, started, last, owner) "
    f"SELECT ?, ?, ?, ?, ?, definition, role, '{PENDING}', 0, 0, '' FROM executions WHERE id = ?"
)
