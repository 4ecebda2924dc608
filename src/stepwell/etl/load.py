"""Loads a table from a source: the whole of it, what is new, or a window; at once for readers, again without harm."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from psycopg.sql import SQL, Identifier

from stepwell.errors import DataError
from stepwell.etl.catalog import Target, find_table, reasons_against_swap
from stepwell.etl.connection import TaskConnection
from stepwell.etl.drift import Fit, compare, definitions
from stepwell.etl.merge import Merge
from stepwell.etl.options import Options
from stepwell.etl.query import HereQuery, opened
from stepwell.etl.rejects import Bad, keep, sift_into
from stepwell.etl.script import Script
from stepwell.etl.sources import Rows, Source
from stepwell.etl.swap import Fresh, in_place, lock, run


class Loaded(NamedTuple):
    """`rows` were written, of those that were `read`; `rejected` were set aside; the newest value of the watermark."""

    rows: int
    read: int
    rejected: int = 0
    watermark: str = ""

    def receipt(self) -> dict[str, Any]:
        told: dict[str, Any] = {"rows": self.rows}
        if self.read != self.rows:
            told["read"] = self.read
        if self.rejected:
            told["rejected"] = self.rejected
        return {**told, "watermark": self.watermark} if self.watermark else told


def load(
    connection: TaskConnection,
    into: str,
    given: Script | Source,
    params: Mapping[str, Any],
    source: str | None = None,
    options: Options | None = None,
    folder: str = "",
) -> Loaded:
    """Load the table `into`. The caller commits.

    `given` is a query, which runs in the database of the URL `source` if there is one, or a source of another kind,
    whose files are in `folder`. Columns go by name. A table that is not there is made from what is given. Readers see
    the old rows or the new ones, never none or half (a transaction that took its snapshot before a swap, at
    REPEATABLE READ, sees the new table without rows, as after any TRUNCATE).
    """
    options = options or Options()
    found = find_table(connection, into)
    with _open(connection, given, params, source, folder, options.rejects) as rows:
        if not isinstance(found, Target):
            return _first(connection, into, found, rows, params, options)
        fit = compare(connection, found, rows, options.drift, isinstance(rows, HereQuery))
        if options.mode in ("incremental", "replace"):
            return _merge(connection, found, fit, rows, params, options, new=False)
        return _whole(connection, found, fit, rows, options)


def _open(
    connection: TaskConnection,
    given: Script | Source,
    params: Mapping[str, Any],
    source: str | None,
    folder: str,
    rejects: int,
) -> AbstractContextManager[Rows]:
    if isinstance(given, Script):
        return opened(connection, given, params, source)
    return given.open(connection, folder, params, rejects)


def _first(
    connection: TaskConnection,
    into: str,
    place: tuple[str, str],
    rows: Rows,
    params: Mapping[str, Any],
    options: Options,
) -> Loaded:
    """Into a table that is not there yet: it gets the columns of the source, and the key that an upsert needs."""
    columns = definitions(rows.columns)
    if options.key:
        columns.append(SQL("primary key ({})").format(SQL(", ").join(map(Identifier, options.key))))
    run(connection, SQL("create table {} ({})").format(Identifier(*place), SQL(", ").join(columns)))
    found = find_table(connection, into)
    assert isinstance(found, Target)
    fit = Fit({name: found.columns[name] for name in rows.columns}, {})
    if options.mode in ("incremental", "replace"):
        return _merge(connection, found, fit, rows, params, options, new=True)
    loaded = _sieved(connection, found, fit, rows, options)
    run(connection, SQL("analyze {}").format(found.identifier))
    return loaded


def _whole(connection: TaskConnection, target: Target, fit: Fit, rows: Rows, options: Options) -> Loaded:
    lock(connection, target)
    reasons = ['mode="truncate"'] if options.mode == "truncate" else reasons_against_swap(connection, target)
    if reasons:
        return _sieved(connection, target, fit, rows, options, reasons)
    fresh = Fresh(connection, target)
    loaded = _sieved(connection, target, fit, rows, options, fresh=fresh)
    fresh.take_over()
    return loaded


def _sieved(
    connection: TaskConnection,
    target: Target,
    fit: Fit,
    rows: Rows,
    options: Options,
    reasons: list[str] | None = None,
    fresh: Fresh | None = None,
) -> Loaded:
    """Put the rows into the table, or into the fresh one; if some are bad, once more without them."""

    def put(fill: Any, again: bool) -> int:
        if fresh:
            return fresh.fill(fit, fill, indexes_first=again)
        return in_place(connection, target, fit, reasons, fill) if reasons else int(fill(target.identifier))

    if not options.rejects and not rows.locates:
        count = put(lambda table: rows.insert(table, fit.into), again=False)
        return Loaded(count, count)
    try:
        with connection.transaction():
            count = put(lambda table: rows.insert(table, fit.into), again=False)
            return Loaded(count, count)
    except DataError as error:
        first = error
    staged = rows.stage(fit.into, options.rejects)
    bad: list[Bad] = []
    asked = (fit.into, staged, options.rejects, bad, rows.place)
    count = put(lambda table: sift_into(connection, table, *asked), again=True)
    if not options.rejects:
        raise first
    keep(connection, target, options, [fresh.told(one) for one in bad] if fresh else bad)
    return Loaded(count, count + len(bad), len(bad))


def _merge(
    connection: TaskConnection,
    target: Target,
    fit: Fit,
    rows: Rows,
    params: Mapping[str, Any],
    options: Options,
    new: bool,
) -> Loaded:
    merge = Merge(connection, target, fit, rows, params, options, new)
    if not options.rejects and not rows.locates:
        return Loaded(*merge.quickly())
    try:
        with connection.transaction():
            return Loaded(*merge.quickly())
    except DataError as error:
        first = error
    bad: list[Bad] = []
    told = merge.carefully(bad)
    if not options.rejects:
        raise first
    keep(connection, target, options, bad)
    return Loaded(*told)
