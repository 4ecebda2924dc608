"""Reads a file as UTF-8 bytes, whether it is gzipped or in another encoding, and pours it into a COPY."""

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, cast

import psycopg
from psycopg.sql import SQL, Composed

from stepwell.errors import ConfigurationError, DataError, StepwellError
from stepwell.etl.connection import TaskConnection
from stepwell.etl.failure import explain

LOT = 256 * 1024
_GZIP = b"\x1f\x8b"
_END = re.compile(rb"\n\\\.[\r\n]")
_NO_END = 180000  # servers from there on take such a line for a row, those before it for the end of all rows
_LINE = re.compile(r"COPY .*, line (\d+)")


@contextmanager
def opened(path: str, shown: str, encoding: str) -> Iterator[IO[bytes]]:
    """The file's text as UTF-8 without a byte order mark. Raises ConfigurationError, or DataError."""
    try:
        with _plain(path) as file:
            text: Any = file
            if codecs.lookup(encoding).name not in ("utf-8", "utf-8-sig"):
                text = codecs.EncodedFile(file, "utf-8", encoding)
            elif file.read(3) != codecs.BOM_UTF8:
                file.seek(0)
            yield text
    except LookupError:
        raise ConfigurationError(f"{shown}: there is no encoding {encoding!r}") from None
    except UnicodeError as error:
        raise DataError(f"{shown}: it is not {encoding}: {error}") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{shown}: the gzipped file is broken or cut off: {error}") from error
    except OSError as error:
        raise ConfigurationError(f"{shown} cannot be read: {error}") from error


def copy_file(connection: TaskConnection, command: SQL | Composed, file: IO[bytes], shown: str) -> int:
    """The file's bytes into a COPY; answers how many rows. An error tells file and line (see `line_of`)."""
    connection.keep_deadline()
    cursor = connection.cursor()
    try:
        with cursor.copy(command) as copy:
            before = b"\n"
            while block := file.read(LOT):
                if connection.info.server_version < _NO_END and _END.search(before + block):
                    raise DataError(
                        f"{shown}: a line is \\. alone, which PostgreSQL before 18 takes for the end of the file: rows "
                        "behind it would be lost. Put the value into quotes"
                    )
                copy.write(block)
                before = (before + block)[-3:]
    except psycopg.Error as error:
        line = line_of(error)
        raise explain(error, f"{shown}:{line}" if line else shown) from error
    return cursor.rowcount


def lines(file: IO[bytes]) -> Iterator[bytes]:
    """Its lines as COPY counts them: a decoder's own end at characters that are part of a field, such as U+0085."""
    rest = b""
    while block := file.read(LOT):
        rest += block
        if b"\n" in block:
            *whole, rest = rest.split(b"\n")
            yield from (line + b"\n" for line in whole)
    if rest:
        yield rest


def line_of(error: BaseException | None) -> int:
    """The line of the input that PostgreSQL's COPY points at; 0 if it points at none."""
    if isinstance(error, StepwellError):
        error = error.__cause__
    context = error.diag.context if isinstance(error, psycopg.Error) else None
    found = _LINE.search(context or "")
    return int(found[1]) if found else 0


@contextmanager
def _plain(path: str) -> Iterator[IO[bytes]]:
    with open(path, "rb") as file:
        if file.read(2) != _GZIP:
            file.seek(0)
            yield file
            return
        file.seek(0)
        with gzip.open(file, "rb") as unpacked:
            yield cast(IO[bytes], unpacked)
