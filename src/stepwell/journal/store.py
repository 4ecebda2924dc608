"""The SQLite file: opened once, written in whole transactions, its refusals turned into clear errors."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stepwell.errors import JournalError

VERSION = 1
_SCHEMA = Path(__file__).with_name("schema.sql")


class Store:
    """One connection to `folder`/journal.db; used by one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal.db"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.connection = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise self.refusal(error) from None

    def _prepare(self) -> None:
        run = self.connection.execute
        version = run("PRAGMA user_version").fetchone()[0]
        if version == 0:
            run("PRAGMA journal_mode = WAL")
            with self.transaction():
                if run("PRAGMA user_version").fetchone()[0] == 0:  # nobody else was faster
                    for statement in _statements(_SCHEMA.read_text()):
                        run(statement)
                    run(f"PRAGMA user_version = {VERSION}")
        elif version > VERSION:
            raise JournalError(
                f"{self.path} was written by a newer Stepwell (journal version {version}, this one knows {VERSION}): "
                "upgrade with `pip install --upgrade stepwell`"
            )
        run("PRAGMA synchronous = FULL")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; on disk when the block has ended."""
        connection = self.connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except BaseException as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise self.refusal(error) from None
            raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Reads need no transaction of their own; a damaged or missing file is reported by name."""
        try:
            yield self.connection
        except sqlite3.Error as error:
            raise self.refusal(error) from None

    def close(self) -> None:
        self.connection.close()

    def refusal(self, error: Exception) -> JournalError:
        """SQLite's or the system's word, with the place and what to do."""
        text = str(error)
        if "full" in text or "disk I/O" in text:
            remedy = "free some space there (`df`), then `stepwell resume`: everything before this moment is saved"
        elif "malformed" in text or "not a database" in text:
            remedy = "the file is damaged: restore it from a backup, or move it away to start with an empty journal"
        elif "readonly" in text or "unable to open" in text or isinstance(error, PermissionError):
            remedy = "make the folder writable for this user"
        elif "locked" in text:
            remedy = "another process has held it for 30 s: see `fuser` on that file"
        else:
            remedy = "see the file and its folder"
        return JournalError(f"the journal {self.path} cannot be used: {text}. Remedy: {remedy}.")


def _statements(script: str) -> Iterator[str]:
    """The script's statements one by one: executescript would commit between them."""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
