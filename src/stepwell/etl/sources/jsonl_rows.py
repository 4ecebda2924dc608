"""Rows of JSON lines: each line goes into a temporary table as it is, and is taken apart there by PostgreSQL.

So numbers keep every digit, arrays and objects arrive as such, and every key of every line is known before a row moves.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from psycopg.sql import SQL, Composable, Identifier, Literal

from stepwell.errors import ConfigurationError, DataError
from stepwell.etl.catalog import plain_types
from stepwell.etl.connection import TaskConnection
from stepwell.etl.sources import Column, Rejected, Staged
from stepwell.etl.sources.reading import LOT, copy_file, lines, opened
from stepwell.etl.swap import run

_STAGE = Identifier("pg_temp", "stepwell_given")
_CREATE = """
create temp table stepwell_given (
  stepwell_row int8 generated always as identity, stepwell_file int not null default 1, doc jsonb) on commit drop
"""
# A line is one field: no JSON has these characters outside of an escape. An empty line is NULL.
_COPY = r"copy pg_temp.stepwell_given (doc) from stdin (format csv, quote E'\x01', delimiter E'\x02', null '')"
# The keys that are not known yet, of the first lines that have any.
_KEYS = """
select key from (
  select stepwell_row, doc from pg_temp.stepwell_given
  where jsonb_typeof(doc) = 'object' and doc - {}::text[] <> '{{}}' order by stepwell_row limit 1000
) as lines, jsonb_object_keys(doc - {}::text[]) as key
group by key order by min(stepwell_row), key
"""
_ODD = """
select {}, jsonb_typeof(doc) from pg_temp.stepwell_given as s
where jsonb_typeof(doc) <> 'object' order by stepwell_row limit 1
"""


@contextmanager
def jsonl_rows(
    connection: TaskConnection, files: list[tuple[str, str]], encoding: str, rejects: int
) -> Iterator["JsonlRows"]:
    rows = JsonlRows(connection, files, encoding)
    rows.read(rejects)
    yield rows


class JsonlRows:
    """The lines of the files, gathered in a temporary table."""

    locates = True

    def __init__(self, connection: TaskConnection, files: list[tuple[str, str]], encoding: str) -> None:
        self.place = files[0][1] if len(files) == 1 else f"{files[0][1]} … {files[-1][1]}"
        self.what = "the file" if len(files) == 1 else "the files"
        self.columns: dict[str, Column] = {}
        self._connection, self._files, self._encoding = connection, files, encoding
        self._before = [0]  # lines before each file's first
        self._rejected: list[Rejected] = []

    def since(self, column: str, start: object) -> None:
        """A file gives all of its rows."""

    def read(self, rejects: int) -> None:
        """Gather all lines, and learn the keys."""
        run(self._connection, _CREATE)
        for number, (path, shown) in enumerate(self._files, 1):
            if number > 1:
                run(self._connection, f"alter table pg_temp.stepwell_given alter stepwell_file set default {number}")
            self._before.append(self._before[-1] + self._gather(path, shown, rejects))
        run(self._connection, "delete from pg_temp.stepwell_given where doc is null")
        run(self._connection, "analyze pg_temp.stepwell_given")
        if not rejects:
            self._refuse_odd_lines()
        self._learn_keys()

    def insert(self, table: Identifier, into: Mapping[str, Column]) -> int:
        names = SQL(", ").join(map(Identifier, into))
        values = SQL(", ").join(Identifier("r", name) for name in into)
        command = SQL("insert into {} ({}) overriding system value select {} from {} as s {}")
        if self._rejected:
            raise DataError(f"{self.place}: there are bad lines")
        return run(self._connection, command.format(table, names, values, _STAGE, self._lateral(into)))

    def stage(self, into: Mapping[str, Column], allowed: int) -> Staged:
        values = {name: Identifier("r", name) for name in into}
        return Staged(_STAGE, self._lateral(into), values, self._place(), SQL("s.doc"), self._rejected)

    def _lateral(self, into: Mapping[str, Column]) -> Composable:
        kinds = plain_types(self._connection, into)
        columns = SQL(", ").join(SQL("{} {}").format(Identifier(name), SQL(kinds[name])) for name in into)
        return SQL("cross join lateral jsonb_to_record(s.doc) as r({})").format(columns)

    def _place(self) -> Composable:
        """`file:line` of a row."""
        names, before = Literal([shown for _, shown in self._files]), Literal(self._before)
        return SQL("concat(({}::text[])[s.stepwell_file], ':', s.stepwell_row - ({}::int8[])[s.stepwell_file])").format(
            names, before
        )

    def _gather(self, path: str, shown: str, rejects: int) -> int:
        try:
            with self._connection.transaction(), opened(path, shown, self._encoding) as file:
                return copy_file(self._connection, SQL(_COPY), file, shown)
        except DataError:
            if not rejects:
                raise
        return self._gather_readable(path, shown, rejects)

    def _gather_readable(self, path: str, shown: str, rejects: int) -> int:
        """The same line by line, with an empty line in place of each that is not JSON."""
        start = self._before[-1] + 1  # the failed COPY has used numbers up
        run(self._connection, f"alter table pg_temp.stepwell_given alter stepwell_row restart with {start}")
        with opened(path, shown, self._encoding) as file, self._connection.cursor().copy(SQL(_COPY)) as copy:
            lot = bytearray()
            number = 0
            for number, line in enumerate(lines(file), 1):
                if wrong := _wrong(line):
                    text = line.decode(errors="backslashreplace").rstrip("\r\n").replace("\0", "\\x00")
                    self._rejected.append(Rejected(f"{shown}:{number}", json.dumps(text), wrong))
                    lot += b"\n"
                else:
                    lot += line.strip() + b"\n"
                if len(lot) >= LOT:
                    copy.write(lot)
                    lot = bytearray()
                if len(self._rejected) > max(rejects, 4):
                    break
            copy.write(lot)
        return number

    def _refuse_odd_lines(self) -> None:
        found = self._connection.execute(SQL(_ODD).format(self._place())).fetchone()
        if found:
            raise DataError(f"{found[0]}: a line must be a JSON object, and this one is of type {found[1]}")

    def _learn_keys(self) -> None:
        while True:
            known = Literal(list(self.columns))
            new = self._connection.execute(SQL(_KEYS).format(known, known)).fetchall()
            if not new:
                break
            self.columns.update({key: Column(0, "text") for (key,) in new})
        if not self.columns:
            raise ConfigurationError(f"{self.place}: there is not one JSON object, so the columns are not known")


def _wrong(line: bytes) -> str:
    try:
        text = line.decode()
        if text.strip():
            # Half of a surrogate pair, which PostgreSQL refuses, is found by writing it.
            json.dumps(json.loads(text, parse_constant=_refuse), ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        return f"invalid byte sequence for encoding UTF8: 0x{line[error.start]:02x}"
    except (ValueError, RecursionError) as error:
        return f"invalid JSON: {error}"
    if "\\u0000" in text:
        return "\\u0000 cannot be converted to text"
    return ""


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
