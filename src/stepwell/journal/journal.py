"""Executions and their events: written by the owner alone, read by everyone."""

import json
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from sqlite3 import Connection
from typing import Any, NamedTuple
from zlib import crc32

from stepwell.asl.payload import Payload, dumps
from stepwell.engine.changes import Changes
from stepwell.engine.events import Event
from stepwell.engine.execution import RUNNING
from stepwell.engine.tasks import is_activity
from stepwell.errors import ExecutionAlreadyExists, JournalError, OwnershipLost
from stepwell.journal.catalog import Catalog
from stepwell.journal.owners import notes
from stepwell.journal.prune import Pruner
from stepwell.journal.runs import Runs
from stepwell.journal.shelf import Shelf
from stepwell.journal.store import Store


class ExecutionRow(NamedTuple):
    """An execution as DescribeExecution knows it; times in milliseconds since 1970."""

    id: int
    arn: str
    machine: str
    definition: str
    role: str
    status: str
    input: str
    output: str | None
    error: str | None
    cause: str | None
    started: int
    stopped: int | None
    redrives: int
    redriven: int | None
    last: int
    owner: str
    version: str | None = None  # the ARN that was started, where it named a version
    alias: str | None = None
    revision: str | None = None  # the machine's, when the execution began
    map_run: int | None = None  # whose child it is
    items: int | None = None  # how many a child has


_COLUMNS = ", ".join(ExecutionRow._fields)

# What is shown of an event, as it is kept: id, previous, time, type, name, payload's text, details' text.
EventRow = tuple[int, int, int, str, str | None, str | None, str | None]


class InvocationRow(NamedTuple):
    """Where a call's log is, and what it used (`ms` billed, `mb` at most), if that is known."""

    call: int
    request: str
    log: str
    ms: int | None
    mb: int | None


Decided = Sequence[tuple[int, Changes]]  # of executions, by their ids


class Journal:
    """The journal in `folder` (a project's `.stepwell`)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._store = Store(folder)
        self.catalog = Catalog(self._store)
        self.shelf = Shelf(self._store)
        self.pruner = Pruner(self._store)
        self.runs = Runs(self._store)
        self._posted = 0
        try:
            self._check_notes()
        except JournalError:
            self.close()
            raise

    def close(self) -> None:
        self._store.close()

    def _check_notes(self) -> None:
        """What an owner has noted as saved is there: else the file is an old one, or the -wal beside it was lost."""
        for number, last in notes(self.folder):
            known = self._store.row(int, "SELECT last FROM executions WHERE id = ?", number)
            newest = self._store.rows(int, "SELECT coalesce(max(id), 0) FROM executions")[0]
            if number > newest if known is None else known < last:
                raise self._store.damaged(f"event {last} of execution {number} was saved and is gone")

    def together(self) -> AbstractContextManager[None]:
        """Everything saved in this block reaches the disk at once, at its end."""
        return self._store.together()

    # Writing

    def start(self, row: ExecutionRow, events: Sequence[Event] = ()) -> int:
        """Save a new execution; its id. Its owner begins it, unless it comes with its events."""
        with self._store.transaction() as db:
            if db.execute("SELECT 1 FROM executions WHERE arn = ?", (row.arn,)).fetchone():
                raise ExecutionAlreadyExists(f"Execution Already Exists: '{row.arn}'")
            number = db.execute(_INSERT_ROW, row[1:]).lastrowid or 0
            db.executemany(_INSERT_EVENT, _rows(number, events))
        return number

    def commit(self, owner: str, decided: Decided, invocations: Iterable[tuple[int, InvocationRow]] = ()) -> None:
        """Save what the owner's executions have come to, all in one transaction. OwnershipLost: nothing is saved."""
        rows = [(*_outcome(changes), owner, number, owner) for number, changes in decided]
        with self._store.transaction() as db:
            if rows and db.executemany(_CHANGE_ROW, rows).rowcount < len(rows):
                raise OwnershipLost
            db.executemany(_INSERT_EVENT, [row for number, each in decided for row in _rows(number, each.events)])
            for number, changes in decided:
                for change in changes.runs:
                    self.runs.change(db, number, change, changes.now)
                wanted = [call for call in changes.invocations if is_activity(call.resource)]
                offers = [(call.resource, number, call.call) for call in wanted]
                db.executemany("INSERT INTO tasks VALUES (NULL, ?, ?, ?)", offers)
            noted = [(number, *row) for number, row in invocations]
            db.executemany("INSERT OR REPLACE INTO invocations VALUES (?, ?, ?, ?, ?, ?)", noted)

    def reopen(self, number: int, owner: str) -> bool:
        """An ended execution is to be redriven by `owner`; False if it is running. What was wished before is void."""
        change = (
            "UPDATE executions SET status = 'RUNNING', stopped = NULL, owner = ? "
            "WHERE id = ? AND status <> 'RUNNING' RETURNING id"
        )
        with self._store.transaction() as db:
            reopened = bool(db.execute(change, (owner, number)).fetchall())
            if reopened:
                db.execute("DELETE FROM inbox WHERE execution = ?", (number,))
        return reopened

    def owned_by(self, owner: str) -> bool:
        """Whether an execution that is under way still names this owner."""
        query = "SELECT id FROM executions WHERE owner = ? AND status = 'RUNNING' LIMIT 1"
        return bool(self._store.rows(int, query, owner))

    def take_over(self, number: int, old: str, new: str) -> bool:
        """Make `new` the owner of an execution if it is still `old`'s; whether it is now."""
        change = "UPDATE executions SET owner = ? WHERE id = ? AND owner = ? RETURNING id"
        return bool(self._store.write(change, new, number, old))

    def strangers(self, owner: str) -> list[str]:
        """The other owners that executions under way name."""
        query = "SELECT DISTINCT owner FROM executions WHERE status = 'RUNNING' AND owner <> ?"
        return self._store.rows(str, query, owner)

    def inherit(self, old: str, new: str) -> list[int]:
        """Make `new` the owner of all that is under way and names `old`; which that is."""
        change = "UPDATE executions SET owner = ? WHERE owner = ? AND status = 'RUNNING' RETURNING id"
        return [row[0] for row in self._store.write(change, new, old)]

    def post(self, number: int, kind: str, body: dict[str, Any]) -> None:
        """Put a wish into the inbox of an execution's owner."""
        self._store.write("INSERT INTO inbox (execution, kind, body) VALUES (?, ?, ?)", number, kind, dumps(body))
        self._posted += 1

    def collect(self, numbers: Iterable[int]) -> list[tuple[int, str, dict[str, Any]]]:
        """Take the wishes for these executions out of the inbox: (execution, kind, body)."""
        with self._store.reading() as db:
            waiting = db.execute("SELECT id, execution, kind, body FROM inbox ORDER BY id").fetchall()
        mine = set(numbers)
        found = [row for row in waiting if row[1] in mine]
        if found:
            with self._store.transaction() as db:
                db.executemany("DELETE FROM inbox WHERE id = ?", [(row[0],) for row in found])
        return [(number, kind, json.loads(body)) for _, number, kind, body in found]

    # Tasks that somebody else works on

    def take_task(self, activity: str) -> tuple[ExecutionRow, Event] | None:
        """The activity's oldest task that is still wanted, as its Scheduled event; nobody else gets it any more."""
        with self._store.transaction() as db:
            take = (
                "DELETE FROM tasks WHERE id = (SELECT min(id) FROM tasks WHERE activity = ?) RETURNING execution, call"
            )
            while row := db.execute(take, (activity,)).fetchone():
                execution = self.execution_by_id(row[0])
                if execution is not None and self.awaits(execution, row[1]) is not None:
                    return execution, self.event(*row)
        return None

    def awaits(self, execution: ExecutionRow, call: int) -> int | None:
        """The frame that waits for a call; None if none does, or its answer is in the inbox."""
        if execution.status != RUNNING:
            return None
        return self._store.row(int, _AWAITS, execution.id, call)

    # Reading

    def event(self, number: int, at: int) -> Event:
        query = f"SELECT {_EVENT} FROM events WHERE execution = ? AND id = ? AND part = 0"
        with self._store.reading() as db:
            return _event(db.execute(query, (number, at)).fetchone())

    def execution(self, arn: str) -> ExecutionRow | None:
        return self._one("arn = ?", arn)

    def execution_by_id(self, number: int) -> ExecutionRow | None:
        return self._one("id = ?", number)

    def executions(
        self,
        machine: str | None = None,
        status: str | None = None,
        before: int | None = None,
        limit: int = 100,
        version: str | None = None,
        alias: str | None = None,
        redriven: bool | None = None,
        map_run: int | None = None,
    ) -> list[ExecutionRow]:
        """The newest first; `before` is the id at which the page before has ended. Children only of a `map_run`."""
        conditions = [
            ("machine = ?", machine),
            ("status = ?", status),
            ("id < ?", before),
            ("version = ?", version),
            ("alias = ?", alias),
            ("(redrives > 0) = ?", redriven),
            ("map_run = ?", map_run),
        ]
        chosen = [(text, value) for text, value in conditions if value is not None]
        which = "map_run IS NULL" if map_run is None else "status <> 'PENDING'"
        where = " AND ".join([which, *(text for text, _ in chosen)])
        query = f"SELECT {_COLUMNS} FROM executions WHERE {where} ORDER BY id DESC LIMIT ?"
        return self._store.rows(ExecutionRow, query, *(value for _, value in chosen), limit)

    def events(self, number: int) -> list[Event]:
        """All events of an execution and the facts beside them, in order."""
        query = f"SELECT {_EVENT} FROM events WHERE execution = ? ORDER BY id, part"
        with self._store.reading() as db:
            last = self._last(db, number)
            rows = db.execute(query, (number,)).fetchall()
        self._check(number, rows, range(1, last + 1), [row[0] for row in rows if row[8] == 0])
        return [_event(row) for row in rows]

    def history(self, number: int, after: int, limit: int, reverse: bool = False) -> list[EventRow]:
        """A page of what AWS shows: the events beyond id `after`, in the order of reading."""
        bound, order = ("id < ?", "DESC") if reverse else ("id > ?", "ASC")
        query = f"SELECT {_SHOWN} FROM events WHERE execution = ? AND part = 0 AND {bound} ORDER BY id {order} LIMIT ?"
        with self._store.reading() as db:
            last = self._last(db, number)
            rows = db.execute(query, (number, after, limit)).fetchall()
        ids = [row[0] for row in rows]
        top = max(min(after - 1, last), *ids[:1], 0)
        wanted = range(top, max(top - limit, 0), -1) if reverse else range(after + 1, min(after + limit, last) + 1)
        self._check(number, rows, wanted, ids)
        return [row[:7] for row in rows]

    @staticmethod
    def _last(db: Connection, number: int) -> int:
        row = db.execute("SELECT last FROM executions WHERE id = ?", (number,)).fetchone()
        return row[0] if row else 0

    def _check(self, number: int, rows: list[Any], wanted: range, ids: list[int]) -> None:
        """The events that must be there are there, each as it was written."""
        if ids[: len(wanted)] != list(wanted):
            raise self._store.damaged(f"events of execution {number} are missing")
        for row in rows:
            if row[7] is not None and row[7] != _sum(*row[:7]):
                raise self._store.damaged(f"event {row[0]} of execution {number} is not what was written")

    def invocations(self, number: int) -> list[InvocationRow]:
        query = f"SELECT {', '.join(InvocationRow._fields)} FROM invocations WHERE execution = ? ORDER BY call"
        return self._store.rows(InvocationRow, query, number)

    def version(self) -> tuple[int, int]:
        """Changes when another process has written, or this one into an inbox."""
        with self._store.reading() as db:
            return db.execute("PRAGMA data_version").fetchone()[0], self._posted

    def _one(self, condition: str, value: str | int) -> ExecutionRow | None:
        return self._store.row(ExecutionRow, f"SELECT {_COLUMNS} FROM executions WHERE {condition}", value)


_SHOWN = "id, previous, time, type, name, payload, details, sum"
# A call is waited for until its frame has any event but those of its way, or an answer to it is kept or in the inbox.
_AWAITS = """
    SELECT frame FROM events AS own WHERE execution = ? AND id = ? AND part = 0 AND type GLOB '*Scheduled'
    AND NOT EXISTS (
        SELECT 1 FROM events WHERE execution = own.execution AND (id, part) > (own.id, 0) AND frame = own.frame
        AND type NOT IN ('TaskStarted', 'TaskSubmitted', 'ActivityStarted', 'Heartbeat'))
    AND NOT EXISTS (
        SELECT 1 FROM inbox
        WHERE execution = own.execution AND kind = 'answer' AND json_extract(body, '$.call') = own.id)
"""
_EVENT = "id, previous, time, type, name, payload, details, sum, part, frame"
_CHANGE_ROW = (
    "UPDATE executions SET status = ?, output = ?, error = ?, cause = ?, stopped = ?, redrives = ?, redriven = ?, "
    "started = ?, last = ?, owner = ? WHERE id = ? AND owner IN (?, '')"
)
_INSERT_ROW = f"INSERT INTO executions ({_COLUMNS}) VALUES (NULL{', ?' * (len(ExecutionRow._fields) - 1)})"
_INSERT_EVENT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def _outcome(changes: Changes) -> tuple[Any, ...]:
    """What an execution's row says of it, once it has changed."""
    x = changes.execution
    output = None if x.output is None else x.output.text
    stopped = None if x.status == RUNNING else changes.now
    return x.status, output, x.error, x.cause, stopped, x.redrives, x.redriven_at or None, x.started_at, x.id


def _rows(number: int, events: Sequence[Event]) -> list[tuple[Any, ...]]:
    rows = []
    for event in events:
        id_, part, previous, time, type_, frame, name, payload, details = event
        text = None if payload is None else payload.text
        facts = None if details is None else dumps(details)
        sum_ = _sum(id_, previous, time, type_, name, text, facts)
        rows.append((number, id_, part, previous, time, type_, frame, name, text, facts, sum_))
    return rows


def _sum(id_: int, previous: int, time: int, type_: str, name: str | None, text: str | None, facts: str | None) -> int:
    """A checksum: SQLite notices when its pages do not fit together, not when a letter has become another."""
    return crc32(f"{type_} {name} {text} {facts}".encode(), time ^ id_ << 13 ^ previous)


def _event(row: tuple[Any, ...]) -> Event:
    number, previous, time, type_, name, payload, details, _, part, frame = row
    return Event(
        number,
        part,
        previous,
        time,
        type_,
        frame,
        name,
        None if payload is None else Payload.parse(payload),
        None if details is None else json.loads(details),
    )
