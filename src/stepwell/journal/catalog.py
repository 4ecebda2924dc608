"""What there is besides executions: definitions, state machines, their versions and aliases, and tags."""

import hashlib
import json
from typing import NamedTuple

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
        return self._store.row(MachineRow, "SELECT * FROM machines WHERE arn = ?", arn)

    def machines(self, after: str = "", limit: int = -1) -> list[MachineRow]:
        """By name; `after` is the name at which the page before has ended."""
        query = "SELECT * FROM machines WHERE name > ? ORDER BY name LIMIT ?"
        return self._store.rows(MachineRow, query, after, limit)

    def delete_machine(self, arn: str) -> None:
        """With its versions, aliases and tags. Definitions stay: executions refer to them."""
        self._delete(arn, "machines WHERE arn", "versions WHERE machine", "aliases WHERE machine", _TAGS)

    def definition(self, digest: str) -> str:
        return self._store.rows(str, "SELECT text FROM definitions WHERE hash = ?", digest)[0]

    # Versions

    def publish(self, version: VersionRow) -> None:
        with self._store.transaction() as db:
            db.execute("INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", version)
            db.execute("UPDATE machines SET published = ? WHERE arn = ?", (version.number, version.machine))

    def versions(self, machine: str, before: int | None = None, limit: int = -1) -> list[VersionRow]:
        """The newest first; `before` is the number at which the page before has ended."""
        which = "machine = ? AND number < coalesce(?, number + 1) ORDER BY number DESC LIMIT ?"
        return self._store.rows(VersionRow, f"SELECT * FROM versions WHERE {which}", machine, before, limit)

    def version(self, machine: str, number: int) -> VersionRow | None:
        query = "SELECT * FROM versions WHERE machine = ? AND number = ?"
        return self._store.row(VersionRow, query, machine, number)

    def delete_version(self, machine: str, number: int) -> None:
        self._store.write("DELETE FROM versions WHERE machine = ? AND number = ?", machine, number)

    # Aliases

    def save_alias(self, alias: AliasRow) -> None:
        row = alias._replace(routes=dumps(alias.routes))  # type: ignore[arg-type]
        self._store.write("INSERT OR REPLACE INTO aliases VALUES (?, ?, ?, ?, ?, ?)", *row)

    def aliases(self, machine: str, after: str = "", limit: int = -1) -> list[AliasRow]:
        """The newest first."""
        last = "SELECT created, name FROM aliases AS last WHERE last.machine = own.machine AND last.name = ?"
        which = f"machine = ? AND (? = '' OR (created, name) < ({last})) ORDER BY created DESC, name DESC LIMIT ?"
        return self._store.rows(_alias, f"SELECT * FROM aliases AS own WHERE {which}", machine, after, after, limit)

    def alias(self, machine: str, name: str) -> AliasRow | None:
        return self._store.row(_alias, "SELECT * FROM aliases WHERE machine = ? AND name = ?", machine, name)

    def delete_alias(self, machine: str, name: str) -> None:
        self._store.write("DELETE FROM aliases WHERE machine = ? AND name = ?", machine, name)

    # Activities

    def save_activity(self, activity: ActivityRow) -> None:
        self._store.write("INSERT INTO activities VALUES (?, ?, ?)", *activity)

    def activities(self, after: str = "", limit: int = -1) -> list[ActivityRow]:
        query = "SELECT * FROM activities WHERE name > ? ORDER BY name LIMIT ?"
        return self._store.rows(ActivityRow, query, after, limit)

    def activity(self, arn: str) -> ActivityRow | None:
        return self._store.row(ActivityRow, "SELECT * FROM activities WHERE arn = ?", arn)

    def has_activity(self, arn: str) -> bool:
        return self.activity(arn) is not None

    def delete_activity(self, arn: str) -> None:
        self._delete(arn, "activities WHERE arn", "tasks WHERE activity", _TAGS)

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

    def _delete(self, arn: str, *where: str) -> None:
        """From these tables, by the column in which each has the ARN."""
        with self._store.transaction() as db:
            for rows in where:
                db.execute(f"DELETE FROM {rows} = ?", (arn,))


_TAGS = "tags WHERE resource"


def _alias(machine: str, name: str, description: str | None, routes: str, created: int, updated: int) -> AliasRow:
    pairs = [(number, weight) for number, weight in json.loads(routes)]
    return AliasRow(machine, name, description, pairs, created, updated)
