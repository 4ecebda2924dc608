"""What there is besides executions: definitions, state machines, their versions and aliases, and tags."""

import hashlib
import json
from typing import Any, NamedTuple

from stepwell.asl.payload import dumps
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
    type: str = "STANDARD"
    settings: str = "{}"  # JSON: loggingConfiguration and the like
    published: int = 0  # the highest version number ever given


class VersionRow(NamedTuple):
    """A machine as it was when it was published."""

    machine: str  # its ARN
    number: int
    role: str
    definition: str
    revision: str | None
    description: str | None
    settings: str
    created: int


class AliasRow(NamedTuple):
    """A name for one version or two, each with its weight of 100."""

    machine: str
    name: str
    description: str | None
    routes: list[tuple[int, int]]  # version number, weight
    created: int
    updated: int


class ActivityRow(NamedTuple):
    """Work that programs elsewhere do, when they ask for it."""

    arn: str
    name: str
    created: int


def hash_of(definition: str) -> str:
    return hashlib.sha256(definition.encode()).hexdigest()


class Catalog:
    """State machines and the texts of their definitions, old ones included: executions refer to them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def save_machine(self, machine: MachineRow, text: str) -> None:
        with self._store.transaction() as db:
            db.execute("INSERT OR IGNORE INTO definitions VALUES (?, ?)", (machine.definition, text))
            db.execute("INSERT OR REPLACE INTO machines VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", machine)

    def machine(self, arn: str) -> MachineRow | None:
        with self._store.reading() as db:
            row = db.execute("SELECT * FROM machines WHERE arn = ?", (arn,)).fetchone()
        return None if row is None else MachineRow(*row)

    def machines(self, after: str = "", limit: int = -1) -> list[MachineRow]:
        """By name; `after` is the name at which the page before has ended."""
        query = "SELECT * FROM machines WHERE name > ? ORDER BY name LIMIT ?"
        with self._store.reading() as db:
            return [MachineRow(*row) for row in db.execute(query, (after, limit))]

    def delete_machine(self, arn: str) -> None:
        """With its versions, aliases and tags. Definitions stay: executions refer to them."""
        with self._store.transaction() as db:
            db.execute("DELETE FROM machines WHERE arn = ?", (arn,))
            db.execute("DELETE FROM versions WHERE machine = ?", (arn,))
            db.execute("DELETE FROM aliases WHERE machine = ?", (arn,))
            db.execute("DELETE FROM tags WHERE resource = ?", (arn,))

    def definition(self, digest: str) -> str:
        with self._store.reading() as db:
            row = db.execute("SELECT text FROM definitions WHERE hash = ?", (digest,)).fetchone()
        text: str = row[0]
        return text

    # Versions

    def publish(self, version: VersionRow) -> None:
        with self._store.transaction() as db:
            db.execute("INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", version)
            db.execute("UPDATE machines SET published = ? WHERE arn = ?", (version.number, version.machine))

    def versions(self, machine: str, before: int | None = None, limit: int = -1) -> list[VersionRow]:
        """The newest first; `before` is the number at which the page before has ended."""
        query = (
            "SELECT * FROM versions WHERE machine = ? AND number < coalesce(?, number + 1) ORDER BY number DESC LIMIT ?"
        )
        with self._store.reading() as db:
            return [VersionRow(*row) for row in db.execute(query, (machine, before, limit))]

    def version(self, machine: str, number: int) -> VersionRow | None:
        query = "SELECT * FROM versions WHERE machine = ? AND number = ?"
        with self._store.reading() as db:
            row = db.execute(query, (machine, number)).fetchone()
        return None if row is None else VersionRow(*row)

    def delete_version(self, machine: str, number: int) -> None:
        with self._store.transaction() as db:
            db.execute("DELETE FROM versions WHERE machine = ? AND number = ?", (machine, number))

    # Aliases

    def save_alias(self, alias: AliasRow) -> None:
        row = alias._replace(routes=dumps(alias.routes))  # type: ignore[arg-type]
        with self._store.transaction() as db:
            db.execute("INSERT OR REPLACE INTO aliases VALUES (?, ?, ?, ?, ?, ?)", row)

    def aliases(self, machine: str, after: str = "", limit: int = -1) -> list[AliasRow]:
        query = "SELECT * FROM aliases WHERE machine = ? AND name > ? ORDER BY name LIMIT ?"
        with self._store.reading() as db:
            return [_alias(row) for row in db.execute(query, (machine, after, limit))]

    def alias(self, machine: str, name: str) -> AliasRow | None:
        return next((alias for alias in self.aliases(machine) if alias.name == name), None)

    def delete_alias(self, machine: str, name: str) -> None:
        with self._store.transaction() as db:
            db.execute("DELETE FROM aliases WHERE machine = ? AND name = ?", (machine, name))

    # Activities

    def save_activity(self, activity: ActivityRow) -> None:
        with self._store.transaction() as db:
            db.execute("INSERT INTO activities VALUES (?, ?, ?)", activity)

    def activities(self, after: str = "", limit: int = -1) -> list[ActivityRow]:
        query = "SELECT * FROM activities WHERE name > ? ORDER BY name LIMIT ?"
        with self._store.reading() as db:
            return [ActivityRow(*row) for row in db.execute(query, (after, limit))]

    def activity(self, arn: str) -> ActivityRow | None:
        with self._store.reading() as db:
            row = db.execute("SELECT * FROM activities WHERE arn = ?", (arn,)).fetchone()
        return None if row is None else ActivityRow(*row)

    def has_activity(self, arn: str) -> bool:
        return self.activity(arn) is not None

    def delete_activity(self, arn: str) -> None:
        with self._store.transaction() as db:
            for delete in ("activities WHERE arn", "tags WHERE resource", "tasks WHERE activity"):
                db.execute(f"DELETE FROM {delete} = ?", (arn,))

    # Tags

    def tag(self, resource: str, tags: dict[str, str]) -> None:
        with self._store.transaction() as db:
            rows = [(resource, key, value) for key, value in tags.items()]
            db.executemany("INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", rows)

    def untag(self, resource: str, keys: list[str]) -> None:
        with self._store.transaction() as db:
            db.executemany("DELETE FROM tags WHERE resource = ? AND key = ?", [(resource, key) for key in keys])

    def tags(self, resource: str) -> dict[str, str]:
        with self._store.reading() as db:
            return dict(db.execute("SELECT key, value FROM tags WHERE resource = ? ORDER BY key", (resource,)))


def _alias(row: tuple[Any, ...]) -> AliasRow:
    machine, name, description, routes, created, updated = row
    pairs = [(number, weight) for number, weight in json.loads(routes)]
    return AliasRow(machine, name, description, pairs, created, updated)
