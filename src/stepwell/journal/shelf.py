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
        return self._store.row(_row, "SELECT * FROM functions WHERE name = ? AND version = ?", name, version)

    def functions(self) -> list[FunctionRow]:
        """$LATEST of each, by name."""
        return self._store.rows(_row, "SELECT * FROM functions WHERE version = ? ORDER BY name", LATEST)

    def versions(self, name: str | None = None) -> list[FunctionRow]:
        """All versions of one function, or of all, $LATEST first."""
        query = "SELECT * FROM functions WHERE name = coalesce(?, name) ORDER BY name, version"
        return self._store.rows(_row, query, name)

    def delete(self, name: str, version: int | None = None) -> None:
        """One version; without one, the function with all of them."""
        self._store.write("DELETE FROM functions WHERE name = ? AND version = coalesce(?, version)", name, version)


def _row(name: str, version: int, settings: str, folder: str) -> FunctionRow:
    return FunctionRow(name, version, json.loads(settings), folder)
