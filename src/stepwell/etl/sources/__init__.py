"""The contract of a source: rows on their way into a table, wherever they come from.

A source says what columns it has, puts its rows into a table as fast as it can, and, once some of them were refused,
lays all rows out beside the table so that the bad ones can be told from the good ones.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from psycopg.sql import Composable, Identifier

    from stepwell.etl.connection import TaskConnection


class Column(NamedTuple):
    """A column's type: its number in the catalog it comes from (a domain's base type), and its name with modifiers.

    Number 0 and name "text": the source knows no types, the values are read as the table's column wants them.
    `needed`: in a table, it must be given, having neither NULL nor a default.
    """

    oid: int
    type: str
    needed: bool = False


class Rejected(NamedTuple):
    """A row that could not even be laid out: where it was found, what it said, and why not."""

    place: str
    row: str
    error: str


class Staged(NamedTuple):
    """Rows laid out in a temporary table that is called `s`, numbered by its column stepwell_row from 1 on.

    `also` comes after the table in FROM, `values` has an expression for each column of the target; `place` has one
    for where the row was found (text) and `content` one for what it said (jsonb), which need the table alone.
    """

    table: "Identifier"
    also: "Composable"
    values: "Mapping[str, Composable]"
    place: "Composable"
    content: "Composable"
    rejected: list[Rejected]


class Rows(Protocol):
    """Rows of a source that has been opened.

    `place` is where a mistake in them is to be corrected, `what` what they are called in a message ("the query"),
    `columns` their names and types, in order. `locates`: an error of `stage` tells the place of a row better than one
    of `insert`, so that it is worth the second look even if no bad row is allowed.
    """

    @property
    def place(self) -> str: ...

    @property
    def what(self) -> str: ...

    @property
    def columns(self) -> Mapping[str, Column]: ...

    @property
    def locates(self) -> bool: ...

    def insert(self, table: "Identifier", into: Mapping[str, Column]) -> int:
        """The rows into those columns of the table; answers how many. Raises DataError if one does not fit."""
        ...

    def since(self, column: str, start: "Composable") -> None:
        """Only the rows whose column is NULL or at least that, from now on. Sources that cannot, give all."""
        ...

    def stage(self, into: Mapping[str, Column], allowed: int) -> Staged:
        """The rows laid out for a second look; if no bad one is allowed, some from where `insert` failed are enough."""
        ...


class Source(Protocol):
    """What a pipeline's file makes, and what is opened when the task runs.

    Files are looked for in `folder`; `rejects` is how many bad rows are allowed.
    """

    def open(
        self, connection: "TaskConnection", folder: str, params: Mapping[str, Any], rejects: int
    ) -> AbstractContextManager[Rows]: ...
