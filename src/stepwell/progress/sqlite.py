"""Progress in a SQLite file, which the processes of one machine write and read at the same time."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from stepwell.errors import ProgressUnavailable
from stepwell.progress.contract import ChunkState, Summary, milliseconds
from stepwell.progress.mirrored import mirrored

VERSION = 1
_SCHEMA = Path(__file__).with_name("schema.sql")
_BUSY = 5  # seconds to wait for another process's transaction, which takes milliseconds

_PLAN = """
INSERT INTO summary (pipeline, run, task, chunks, rows_planned, lanes, state, started_at, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (pipeline, run, task) DO UPDATE SET
  chunks = excluded.chunks, rows_planned = excluded.rows_planned, lanes = excluded.lanes, state = excluded.state,
  started_at = excluded.started_at, updated_at = excluded.updated_at
"""
_UNLESS_OLDER = "WHERE (excluded.started_at, excluded.updated_at) >= (summary.started_at, summary.updated_at)"
_DROP_OLDER = """
DELETE FROM chunk WHERE (pipeline, run, task) = (?, ?, ?) AND finished_at < (
  SELECT started_at FROM summary WHERE (pipeline, run, task) = (?, ?, ?)
)
"""
_RECORD = """
INSERT INTO chunk (pipeline, run, task, chunk, state, rows, ms, attempts, lane, error, finished_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (pipeline, run, task, chunk) DO UPDATE SET
  state = excluded.state, rows = excluded.rows, ms = excluded.ms, attempts = excluded.attempts, lane = excluded.lane,
  error = excluded.error, finished_at = excluded.finished_at
WHERE (excluded.attempts, excluded.finished_at) > (chunk.attempts, chunk.finished_at)
"""
_FORGET = "DELETE FROM chunk WHERE (pipeline, run, task) = (?, ?, ?)"
_SUMMARIES = """
SELECT pipeline, run, task, s.chunks,
       count(c.chunk) FILTER (WHERE c.state = 'done'), count(c.chunk) FILTER (WHERE c.state = 'failed'),
       coalesce(sum(c.rows) FILTER (WHERE c.state = 'done'), 0), s.rows_planned,
       s.started_at / 1000.0, max(s.updated_at, coalesce(max(c.finished_at), 0)) / 1000.0, s.lanes, s.state
FROM summary s LEFT JOIN chunk c USING (pipeline, run, task)
WHERE pipeline = coalesce(?, pipeline) AND run = coalesce(?, run) AND task = coalesce(?, task)
GROUP BY pipeline, run, task ORDER BY s.started_at DESC, pipeline, run, task
"""
_CHUNKS = """
SELECT run, pipeline, task, chunk, state, rows, ms, attempts, lane, error, nullif(finished_at, 0) / 1000.0
FROM chunk WHERE (pipeline, run, task) = (?, ?, ?) ORDER BY chunk
"""


class SqliteProgress:
    """The file, opened when it is first used. Threads may share it."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self._lock = Lock()
        self._opened: sqlite3.Connection | None = None

    @mirrored
    def plan(self, summary: Summary) -> None:
        with self._transaction() as connection:
            connection.execute(f"{_PLAN} {_UNLESS_OLDER}", _planned(summary))
            connection.execute(_DROP_OLDER, _key(summary) * 2)

    @mirrored
    def record(self, states: Sequence[ChunkState]) -> None:
        with self._transaction() as connection:
            connection.executemany(_RECORD, map(_recorded, states))

    @mirrored
    def rebuild(self, summary: Summary, states: Sequence[ChunkState]) -> None:
        with self._transaction() as connection:
            connection.execute(_PLAN, _planned(summary))
            connection.execute(_FORGET, _key(summary))
            connection.executemany(_RECORD, map(_recorded, states))

    def summary(self, pipeline: str, run: str, task: str) -> Summary | None:
        return next(iter(self._summaries(pipeline, run, task)), None)

    def summaries(self, pipeline: str | None = None, run: str | None = None) -> list[Summary]:
        return self._summaries(pipeline, run, None)

    def chunks(self, pipeline: str, run: str, task: str) -> list[ChunkState]:
        return [ChunkState(*row) for row in self._read(_CHUNKS, (pipeline, run, task))]

    def forget(self, pipeline: str, run: str) -> None:
        """Remove what is known of a run that nobody will ask for again."""
        if self.path.exists():
            with self._transaction() as connection:
                connection.execute("DELETE FROM chunk WHERE (pipeline, run) = (?, ?)", (pipeline, run))
                connection.execute("DELETE FROM summary WHERE (pipeline, run) = (?, ?)", (pipeline, run))

    def close(self) -> None:
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def _summaries(self, *wanted: str | None) -> list[Summary]:
        return [Summary(*row) for row in self._read(_SUMMARIES, wanted)]

    def _read(self, query: str, values: Sequence[str | None]) -> list[Any]:
        """Looking does not make a file."""
        if not self.path.exists():
            return []
        with self._lock:
            try:
                return self._connection().execute(query, values).fetchall()
            except (OSError, sqlite3.Error) as error:
                raise ProgressUnavailable(f"the progress file {self.path} cannot be read: {error}") from None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            self._opened = _open(self.path)
        return self._opened


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise ProgressUnavailable(
            f"{path} was written by a newer Stepwell (progress version {version}, this one knows {VERSION}): "
            "upgrade with `pip install --upgrade stepwell`"
        )
    if version < VERSION:
        _write_ahead(connection)
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute("PRAGMA user_version").fetchone()[0] == 0:  # nobody else was faster
            for statement in _SCHEMA.read_text().split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    # Power loss may cost the last batches, which rebuild brings back; a sync for each batch would cost the lanes' disk.
    connection.execute("PRAGMA synchronous = NORMAL")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """SQLite does not wait by itself when several processes change the mode of a new file at once."""
    until = time.monotonic() + _BUSY
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)


def _key(summary: Summary) -> tuple[str, str, str]:
    return summary.pipeline, summary.run, summary.task


def _planned(summary: Summary) -> tuple[object, ...]:
    s = summary
    times = milliseconds(s.started_at), milliseconds(s.updated_at)
    return *_key(s), s.chunks, s.rows_planned, s.lanes, s.state, *times


def _recorded(state: ChunkState) -> tuple[object, ...]:
    s = state
    end = milliseconds(s.finished_at)
    return s.pipeline, s.run, s.task, s.chunk, s.state, s.rows, s.ms, s.attempts, s.lane, s.error, end
