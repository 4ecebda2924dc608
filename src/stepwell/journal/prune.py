"""Forget what has ended long ago: which executions that are, and what else goes with them."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from stepwell.journal.store import Store, statements

_FORGET = Path(__file__).with_name("prune.sql")
_LOT = 200  # executions a transaction

_ENDED = """
SELECT id, arn, machine, status, stopped, input FROM (
  SELECT *, row_number() OVER (PARTITION BY machine ORDER BY id DESC) AS place
  FROM executions WHERE map_run IS NULL AND status NOT IN ('RUNNING', 'PENDING') AND machine = coalesce(?, machine)
)
WHERE stopped < coalesce(?, stopped + 1) AND place > ? ORDER BY id
"""
_DOOM = "INSERT INTO doomed SELECT id FROM executions WHERE id = ? AND status <> 'RUNNING'"  # nor redriven meanwhile
_UNUSED = """
DELETE FROM definitions WHERE hash NOT IN (
  SELECT definition FROM executions UNION SELECT definition FROM machines UNION SELECT definition FROM versions
)
"""


class Ended(NamedTuple):
    """An execution that may be forgotten; `stopped` in milliseconds since 1970."""

    id: int
    arn: str
    machine: str
    status: str
    stopped: int
    input: str


class Pruner:
    def __init__(self, store: Store) -> None:
        self._store = store

    def ended(self, machine: str | None, before: int | None, keep: int, statuses: Sequence[str] = ()) -> list[Ended]:
        """What ended before `before`, but for the newest `keep` of each machine; children go with their parents."""
        found = self._store.rows(Ended, _ENDED, machine, before, keep)
        return [each for each in found if not statuses or each.status in statuses]

    def forget(self, numbers: Sequence[int]) -> set[str]:
        """Remove these executions; the log streams to which nothing refers any more."""
        script = list(statements(_FORGET.read_text()))
        with self._store.reading() as db:
            db.execute("CREATE TEMP TABLE doomed (id INTEGER PRIMARY KEY)")
            db.execute("CREATE TEMP TABLE spent (log TEXT PRIMARY KEY)")
        for start in range(0, len(numbers), _LOT):
            with self._store.transaction() as db:
                db.executemany(_DOOM, [(number,) for number in numbers[start : start + _LOT]])
                for statement in script:
                    db.execute(statement)
        with self._store.transaction() as db:
            db.execute(_UNUSED)
            logs = {row[0] for row in db.execute("SELECT log FROM spent EXCEPT SELECT log FROM invocations")}
            db.execute("DROP TABLE doomed")
            db.execute("DROP TABLE spent")
        return logs

    def shrink(self) -> None:
        """Give the space of what was removed back to the file system; waits for those who are writing."""
        with self._store.reading() as db:
            db.execute("VACUUM")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
