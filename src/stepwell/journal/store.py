"""The SQLite file: opened once, written in whole transactions, its refusals turned into clear errors."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from stepwell.errors import JournalError

VERSION = 5
SYNCHRONOUS = "FULL"  # a commit is on the disk when it returns; a benchmark measures what that costs
_SCHEMA = Path(__file__).with_name("schema.sql")
_MIGRATIONS = Path(__file__).with_name("migrations")  # N.sql: from version N - 1 to version N

# What SQLite raises; its own words about a damaged file may be no text.
_REFUSALS = (sqlite3.Error, UnicodeDecodeError)

# How a transaction begins, ends, and is undone.
_WHOLE = ("BEGIN IMMEDIATE", "COMMIT", ("ROLLBACK",))
_PART = ("SAVEPOINT part", "RELEASE part", ("ROLLBACK TO part", "RELEASE part"))


Row = TypeVar("Row")


class Store:
    """One connection to `folder`/journal.db; used by one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal.db"
        self._together = False  # transactions are parts of one
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.connection = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
            try:
                self._prepare()
            except BaseException:
                self.connection.close()
                raise
        except (OSError, *_REFUSALS) as error:
            raise self.refusal(error) from None

    def _prepare(self) -> None:
        run = self.connection.execute
        version = run("PRAGMA user_version").fetchone()[0]
        if version == 0:
            run("PRAGMA journal_mode = WAL")
        if version < VERSION:
            with self.transaction():
                self._build(run("PRAGMA user_version").fetchone()[0])  # somebody else may have been faster
        elif version > VERSION:
            raise JournalError(
                f"{self.path} was written by a newer Stepwell (journal version {version}, this one knows {VERSION}): "
                "upgrade with `pip install --upgrade stepwell`"
            )
        run(f"PRAGMA synchronous = {SYNCHRONOUS}")

    def _build(self, version: int) -> None:
        """Bring a journal of this version (0: an empty file) to the newest."""
        scripts = (
            [_MIGRATIONS / f"{number}.sql" for number in range(version + 1, VERSION + 1)] if version else [_SCHEMA]
        )
        for script in scripts:
            for statement in statements(script.read_text()):
                self.connection.execute(statement)
        self.connection.execute(f"PRAGMA user_version = {VERSION}")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; on disk when the block has ended, or when the `together` around it has."""
        connection = self.connection
        begin, commit, undo = _PART if self._together else _WHOLE
        try:
            if self._together and not connection.in_transaction:
                connection.execute("BEGIN IMMEDIATE")
            connection.execute(begin)
            yield connection
            connection.execute(commit)
        except BaseException as error:
            if connection.in_transaction:
                for statement in undo:
                    connection.execute(statement)
            if isinstance(error, _REFUSALS):
                raise self.refusal(error) from None
            raise

    @contextmanager
    def together(self) -> Iterator[None]:
        """The transactions of this block reach the disk at once, at its end; each is still all or nothing."""
        self._together = True
        try:
            yield
            if self.connection.in_transaction:
                self.connection.execute("COMMIT")
        except BaseException as error:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            if isinstance(error, _REFUSALS):
                raise self.refusal(error) from None
            raise
        finally:
            self._together = False

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Reads need no transaction of their own; a damaged or missing file is reported by name."""
        try:
            yield self.connection
        except _REFUSALS as error:
            raise self.refusal(error) from None

    def rows(self, kind: Callable[..., Row], query: str, *values: Any) -> list[Row]:
        """All that a query finds; `kind` makes something of the columns of each."""
        with self.reading() as db:
            return [kind(*row) for row in db.execute(query, values)]

    def row(self, kind: Callable[..., Row], query: str, *values: Any) -> Row | None:
        """The first that it finds."""
        return next(iter(self.rows(kind, query, *values)), None)

    def write(self, statement: str, *values: Any) -> list[Any]:
        """One statement in a transaction of its own; what it is RETURNING."""
        with self.transaction() as db:
            return db.execute(statement, values).fetchall()

    def close(self) -> None:
        self.connection.close()

    def refusal(self, error: Exception) -> JournalError:
        """SQLite's or the system's word, with the place and what to do."""
        text = str(error)
        if "full" in text or "disk I/O" in text:
            remedy = "free some space there (`df`), then `stepwell resume`: everything before this moment is saved"
        elif any(word in text for word in ("malformed", "not a database", "decode")):
            return self.damaged(text)
        elif "readonly" in text or "unable to open" in text or isinstance(error, PermissionError):
            remedy = "make the folder writable for this user"
        elif "locked" in text:
            remedy = "another process has held it for 30 s: see `fuser` on that file"
        else:
            remedy = "see the file and its folder"
        return JournalError(f"the journal {self.path} cannot be used: {text}. Remedy: {remedy}.")

    def damaged(self, what: str) -> JournalError:
        """The file is not what was written."""
        remedy = "restore it from a backup, or move the folder away to start with an empty journal"
        return JournalError(f"the journal {self.path} is damaged: {what}. Remedy: {remedy}.")


def statements(script: str) -> Iterator[str]:
    """The script's statements one by one: executescript would commit between them."""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
