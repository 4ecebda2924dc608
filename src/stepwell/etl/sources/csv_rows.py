"""Rows of CSV files: poured into COPY as they are, or, once a row was refused, laid out record by record."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from json import dumps
from typing import IO, NamedTuple

from psycopg.sql import SQL, Composed, Identifier, Literal

from stepwell.errors import ConfigurationError, DataError
from stepwell.etl.connection import TaskConnection
from stepwell.etl.drift import definitions
from stepwell.etl.query import read_as
from stepwell.etl.sources import Column, Rejected, Staged
from stepwell.etl.sources.reading import LOT, copy_file, line_of, lines, opened
from stepwell.etl.swap import run

_STAGE = Identifier("pg_temp", "stepwell_given")
_TEXT = Column(0, "text")
_BRIEFLY = 10_000  # records that are looked at to name bad ones if none is allowed
_LONGEST = 16 * 1024 * 1024  # bytes of a record that a quote may keep open


class Form(NamedTuple):
    """How the files are written."""

    delimiter: str
    quote: str
    null: str
    encoding: str
    header: bool
    columns: Mapping[str, str] | Sequence[str] | None


class _File(NamedTuple):
    path: str
    shown: str
    names: list[str]  # the columns, in the file's order


@contextmanager
def csv_rows(connection: TaskConnection, files: list[tuple[str, str]], form: Form) -> Iterator["CsvRows"]:
    yield CsvRows(connection, [_File(path, shown, _header(path, shown, form)) for path, shown in files], form)


class CsvRows:
    """The rows of the files, one COPY a file."""

    locates = True

    def __init__(self, connection: TaskConnection, files: list[_File], form: Form) -> None:
        self.place = files[0].shown if len(files) == 1 else f"{files[0].shown} … {files[-1].shown}"
        self.what = "the file" if len(files) == 1 else "the files"
        self.columns = dict.fromkeys((name for file in files for name in file.names), _TEXT)
        self._connection, self._form = connection, form
        self._files = [file for file in files if file.names]
        self._failed = (0, 0)  # which file, and at which line

    def since(self, column: str, start: object) -> None:
        """A file gives all of its rows."""

    def insert(self, table: Identifier, into: Mapping[str, Column]) -> int:
        return sum(self._insert(number, file, table, into) for number, file in enumerate(self._files))

    def stage(self, into: Mapping[str, Column], allowed: int) -> Staged:
        texts = SQL(", ").join(SQL("{} text").format(Identifier(name)) for name in self.columns)
        create = "create temp table stepwell_given (stepwell_row int8, stepwell_place text, {}) on commit drop"
        self._connection.execute(SQL(create).format(texts))
        rejected: list[Rejected] = []
        first, line = self._failed if not allowed else (0, 0)
        row = 0
        for file in self._files[first:]:
            row = self._lay_out(file, row, line, allowed, rejected)
            line = 0
            if len(rejected) > max(allowed, 4) or (not allowed and row >= _BRIEFLY):
                break
        place, content = Identifier("s", "stepwell_place"), SQL("to_jsonb(s) - 'stepwell_row' - 'stepwell_place'")
        return Staged(_STAGE, SQL(""), read_as(self._connection, into), place, content, rejected)

    def _insert(self, number: int, file: _File, table: Identifier, into: Mapping[str, Column]) -> int:
        try:
            if all(name in into for name in file.names):
                return self._copy(file, table)
            return self._copy_some(file, table, into)
        except DataError as error:
            self._failed = (number, line_of(error))
            raise

    def _copy(self, file: _File, table: Identifier) -> int:
        with opened(file.path, file.shown, self._form.encoding) as text:
            return copy_file(self._connection, self._command(table, file.names, self._form.header), text, file.shown)

    def _copy_some(self, file: _File, table: Identifier, into: Mapping[str, Column]) -> int:
        """COPY cannot leave a column of the file out: by way of a table that has them all."""
        every = Identifier("pg_temp", "stepwell_every")
        columns = SQL(", ").join(definitions({name: into.get(name, _TEXT) for name in file.names}))
        run(self._connection, SQL("create temp table stepwell_every ({}) on commit drop").format(columns))
        self._copy(file, every)
        names = SQL(", ").join(Identifier(name) for name in file.names if name in into)
        rows = run(
            self._connection,
            SQL("insert into {} ({}) overriding system value select {} from {}").format(table, names, names, every),
        )
        run(self._connection, SQL("drop table {}").format(every))
        return rows

    def _command(self, table: Identifier, names: Sequence[str], header: bool) -> Composed:
        form = self._form
        return SQL("copy {} ({}) from stdin (format csv, header {}, delimiter {}, quote {}, null {})").format(
            table,
            SQL(", ").join(map(Identifier, names)),
            Literal(header),
            Literal(form.delimiter),
            Literal(form.quote),
            Literal(form.null),
        )

    def _lay_out(self, file: _File, row: int, line: int, allowed: int, rejected: list[Rejected]) -> int:
        """The file's records from a line on, each with its number and place; answers the last number."""
        command = self._command(_STAGE, ["stepwell_row", "stepwell_place", *file.names], header=False)
        start = row
        with (
            opened(file.path, file.shown, self._form.encoding) as text,
            self._connection.cursor().copy(command) as copy,
        ):
            lot = bytearray()
            for begins, ends, record in _records(text, file.shown, self._form):
                if ends < line:
                    continue
                place = f"{file.shown}:{begins}"
                if wrong := _wrong(record, len(file.names), self._form):
                    rejected.append(Rejected(place, dumps(_readable(record)), wrong))
                    if len(rejected) > max(allowed, 4):
                        break
                    continue
                row += 1
                lot += self._prefix(row, place) + record + b"\n"
                if len(lot) >= LOT:
                    copy.write(lot)
                    lot = bytearray()
                if not allowed and row - start >= _BRIEFLY:
                    break
            copy.write(lot)
        return row

    def _prefix(self, row: int, place: str) -> bytes:
        quote, delimiter = self._form.quote, self._form.delimiter
        return f"{row}{delimiter}{quote}{place.replace(quote, quote * 2)}{quote}{delimiter}".encode()


def _header(path: str, shown: str, form: Form) -> list[str]:
    """The table's columns that the file's fields are for; none if the file is empty."""
    if not form.header:
        return list(form.columns or ())
    with opened(path, shown, form.encoding) as text:
        first = next(_records(text, shown, form, header=True), None)
    if first is None:
        return []
    try:
        text_of_it = first[2].decode()
    except UnicodeDecodeError as error:
        raise DataError(f"{shown}:1: the header is not {form.encoding}: {error}") from None
    [names] = csv.reader([text_of_it], delimiter=form.delimiter, quotechar=form.quote) if text_of_it else [[""]]
    renamed = form.columns if isinstance(form.columns, Mapping) else {}
    columns = [renamed.get(name, renamed.get(name.strip(), name.strip())) for name in names]
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice or "" in columns:
        what = f"the column {twice[0]!r} twice" if twice and twice[0] else "a column without a name"
        raise ConfigurationError(
            f"{shown}:1: the header has {what}: {', '.join(names)}. Is delimiter={form.delimiter!r} right? Columns "
            'are renamed by columns={"its name": "the table\'s"}.'
        )
    return columns


def _records(file: IO[bytes], shown: str, form: Form, header: bool = False) -> Iterator[tuple[int, int, bytes]]:
    """First line, last line and bytes of each record: a quote that is open keeps it open over the end of a line."""
    quote = form.quote.encode()
    begins, record, quotes = 1, bytearray(), 0
    for number, line in enumerate(lines(file), 1):
        record += line
        quotes += line.count(quote)
        if quotes % 2 and len(record) <= _LONGEST:
            continue
        if header or begins > 1 or not form.header:
            if len(record) > _LONGEST:
                raise DataError(f"{shown}:{begins}: a quote that opens here is not closed within {_LONGEST} bytes")
            yield begins, number, bytes(record).rstrip(b"\r\n")
        begins, record, quotes = number + 1, bytearray(), 0
    if record:
        yield begins, begins + record.count(b"\n"), bytes(record)


def _wrong(record: bytes, columns: int, form: Form) -> str:
    """What keeps COPY from reading the record at all; empty if nothing does."""
    parts = record.split(form.quote.encode())
    fields = 1 + sum(part.count(form.delimiter.encode()) for part in parts[::2])
    if not len(parts) % 2:
        return "unterminated CSV quoted field"
    if fields != columns:
        return f"{fields} fields instead of {columns}"
    if b"\0" in record:
        return "invalid byte sequence for encoding UTF8: 0x00"
    try:
        record.decode()
    except UnicodeDecodeError as error:
        return f"invalid byte sequence for encoding UTF8: 0x{record[error.start]:02x}"
    return ""


def _readable(record: bytes) -> str:
    """Text that JSON and PostgreSQL can hold."""
    return record.decode(errors="backslashreplace").replace("\0", "\\x00")
