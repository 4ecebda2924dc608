"""What there is besides executions: definitions and state machines."""

import hashlib
from typing import NamedTuple

from stepwell.journal.store import Store


class MachineRow(NamedTuple):
    """A state machine as it is now; times in milliseconds since 1970."""

    arn: str
    name: str
    role: str
    definition: str  # the hash of its text
    revision: str | None
    created: int
    updated: int


def hash_of(definition: str) -> str:
    return hashlib.sha256(definition.encode()).hexdigest()


class Catalog:
    """State machines and the texts of their definitions, old ones included: executions refer to them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def save_machine(self, machine: MachineRow, text: str) -> None:
        with self._store.transaction() as db:
            db.execute("INSERT OR IGNORE INTO definitions VALUES (?, ?)", (machine.definition, text))
            db.execute("INSERT OR REPLACE INTO machines VALUES (?, ?, ?, ?, ?, ?, ?)", machine)

    def machine(self, arn: str) -> MachineRow | None:
        with self._store.reading() as db:
            row = db.execute("SELECT * FROM machines WHERE arn = ?", (arn,)).fetchone()
        return None if row is None else MachineRow(*row)

    def machines(self) -> list[MachineRow]:
        with self._store.reading() as db:
            rows = db.execute("SELECT * FROM machines ORDER BY name").fetchall()
        return [MachineRow(*row) for row in rows]

    def definition(self, digest: str) -> str:
        with self._store.reading() as db:
            row = db.execute("SELECT text FROM definitions WHERE hash = ?", (digest,)).fetchone()
        text: str = row[0]
        return text
