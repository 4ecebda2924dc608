"""The Lambda functions that were made through the API: their configuration and where their code is."""

import json
from typing import Any, NamedTuple

from stepwell.asl.payload import dumps
from stepwell.journal.store import Store

LATEST = 0  # the version number of $LATEST


class FunctionRow(NamedTuple):
    """One version of a function. `settings` is what GetFunctionConfiguration answers."""

    name: str
    version: int
    settings: dict[str, Any]
    folder: str  # of the unpacked code, below the journal's own


class Shelf:
    def __init__(self, store: Store) -> None:
        self._store = store

    def save(self, *functions: FunctionRow) -> None:
        rows = [function._replace(settings=dumps(function.settings)) for function in functions]  # type: ignore[arg-type]
        with self._store.transaction() as db:
            db.executemany("INSERT OR REPLACE INTO functions VALUES (?, ?, ?, ?)", rows)

    def function(self, name: str, version: int = LATEST) -> FunctionRow | None:
        query = "SELECT * FROM functions WHERE name = ? AND version = ?"
        with self._store.reading() as db:
            row = db.execute(query, (name, version)).fetchone()
        return None if row is None else _row(row)

    def functions(self, after: str = "", limit: int = -1) -> list[FunctionRow]:
        """$LATEST of each, by name."""
        query = "SELECT * FROM functions WHERE version = 0 AND name > ? ORDER BY name LIMIT ?"
        with self._store.reading() as db:
            return [_row(row) for row in db.execute(query, (after, limit))]

    def versions(self, name: str | None = None) -> list[FunctionRow]:
        """All versions of one function, or of all, $LATEST first."""
        query = "SELECT * FROM functions WHERE name = coalesce(?, name) ORDER BY name, version"
        with self._store.reading() as db:
            return [_row(row) for row in db.execute(query, (name,))]

    def delete(self, name: str, version: int | None = None) -> None:
        """One version; without one, the function with all of them."""
        with self._store.transaction() as db:
            query = "DELETE FROM functions WHERE name = ? AND version = coalesce(?, version)"
            db.execute(query, (name, version))


def _row(row: tuple[Any, ...]) -> FunctionRow:
    return FunctionRow(row[0], row[1], json.loads(row[2]), row[3])
