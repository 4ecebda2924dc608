"""Files as a source: what a pipeline says of them. Nothing is looked for or opened before the task runs."""

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from stepwell.errors import ConfigurationError

if TYPE_CHECKING:
    from stepwell.etl.connection import TaskConnection
    from stepwell.etl.sources import Rows


class _Setting(Protocol):
    def value(self) -> str: ...


class CsvFiles:
    """CSV files, as `csv_files` describes them."""

    __slots__ = ("columns", "delimiter", "encoding", "header", "null", "path", "quote")

    def __init__(
        self,
        path: "str | _Setting",
        columns: Mapping[str, str] | Sequence[str] | None,
        header: bool,
        delimiter: str,
        quote: str,
        null: str,
        encoding: str,
    ) -> None:
        self.path = path
        self.columns = columns
        self.header = header
        self.delimiter = delimiter
        self.quote = quote
        self.null = null
        self.encoding = encoding

    def __repr__(self) -> str:
        return f"csv_files({self.path!r})"

    def open(
        self, connection: "TaskConnection", folder: str, params: Mapping[str, Any], rejects: int
    ) -> "AbstractContextManager[Rows]":
        from stepwell.etl.sources.csv_rows import Form, csv_rows

        form = Form(self.delimiter, self.quote, self.null, self.encoding, self.header, self.columns)
        return csv_rows(connection, find(self.path, folder, params), form)


class JsonlFiles:
    """Files with a JSON object in every line, as `jsonl_files` describes them."""

    __slots__ = ("encoding", "path")

    def __init__(self, path: "str | _Setting", encoding: str) -> None:
        self.path = path
        self.encoding = encoding

    def __repr__(self) -> str:
        return f"jsonl_files({self.path!r})"

    def open(
        self, connection: "TaskConnection", folder: str, params: Mapping[str, Any], rejects: int
    ) -> "AbstractContextManager[Rows]":
        from stepwell.etl.sources.jsonl_rows import jsonl_rows

        return jsonl_rows(connection, find(self.path, folder, params), self.encoding, rejects)


def csv_files(
    path: "str | _Setting",
    *,
    columns: Mapping[str, str] | Sequence[str] | None = None,
    header: bool = True,
    delimiter: str = ",",
    quote: str = '"',
    null: str = "",
    encoding: str = "utf-8",
) -> CsvFiles:
    """CSV files as the source of a load: a path or a glob, beside the pipeline or absolute, gzipped or not.

    `{name}` in the path is the run's parameter of that name. The header's names are the table's columns; `columns`
    renames them ({"Visit date": "visit_date"}), or names them in order if `header=False`. `null` is what stands,
    unquoted, for NULL.
    """
    if not header and (columns is None or isinstance(columns, Mapping)):
        raise ConfigurationError('csv_files(header=False) needs the names in order: columns=("id", "person")')
    for name, char in (("delimiter", delimiter), ("quote", quote)):
        if len(char.encode()) != 1 or char in "\r\n":
            raise ConfigurationError(f"csv_files({name}={char!r}): it must be one ASCII character")
    return CsvFiles(path, columns, header, delimiter, quote, null, encoding)


def jsonl_files(path: "str | _Setting", *, encoding: str = "utf-8") -> JsonlFiles:
    """Files of JSON lines as the source of a load: each line an object, whose keys are the table's columns."""
    return JsonlFiles(path, encoding)


def find(path: "str | _Setting", folder: str, params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The files, in order of their names, each with the name to show. ConfigurationError if there are none."""
    from glob import glob

    pattern = path if isinstance(path, str) else path.value()
    try:
        pattern = pattern.format_map(params) if "{" in pattern else pattern
    except (KeyError, ValueError, IndexError) as error:
        known = ", ".join(sorted(params)) or "none"
        raise ConfigurationError(f"the path {pattern!r} asks for the parameter {error}; known: {known}") from None
    full = os.path.join(folder, pattern)
    found = [name for name in sorted(glob(full, recursive=True)) if os.path.isfile(name)]
    if not found and os.path.isfile(full):
        found = [full]  # a file whose own name has * or [ in it
    if not found:
        raise ConfigurationError(f"there is no file {pattern!r} to load (looked for {os.path.abspath(full)})")
    return [(name, name if os.path.isabs(pattern) else os.path.relpath(name, folder or ".")) for name in found]
