"""The kinds of task: what each needs, and what it does with a connection and the run's context."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stepwell.errors import ConfigurationError
from stepwell.etl.options import Options
from stepwell.etl.redact import redacted
from stepwell.pipeline.context import TaskContext
from stepwell.pipeline.names import VALIDATE
from stepwell.pipeline.places import translated
from stepwell.pipeline.settings import Setting, value_of
from stepwell.pipeline.signature import CONNECTION, asked

if TYPE_CHECKING:
    from stepwell.etl.fence import Key as Fence
    from stepwell.etl.load_chunks import ChunkedLoad
    from stepwell.etl.rules import Check
    from stepwell.etl.script import Script
    from stepwell.etl.sources import Source
    from stepwell.pipeline.chunks import Chunk, Chunks


class Retry:
    """How often, and after how many seconds, a task is tried again after an error that trying again can help.

    `on` adds names of errors (of exceptions) to those that Stepwell knows to be worth it.
    """

    __slots__ = ("backoff", "interval", "max_attempts", "on")

    def __init__(self, max_attempts: int = 2, interval: int = 5, backoff: float = 2, on: Sequence[str] = ()) -> None:
        self.max_attempts = max_attempts
        self.interval = interval
        self.backoff = backoff
        self.on = (on,) if isinstance(on, str) else tuple(on)


class SqlTask:
    """The statements of one SQL file, in one transaction, or in chunks."""

    __slots__ = ("_script", "checks", "chunks", "file", "name", "path", "place", "retry", "timeout")
    needs_database = True
    transaction = True

    def __init__(self, name: str, file: str, folder: str, timeout: int, retry: Retry, place: str) -> None:
        self.name = name
        self.file = file
        self.path = os.path.join(folder, file)
        self.timeout = timeout
        self.retry = retry
        self.place = place
        self.checks: tuple[Check, ...] = ()
        self.chunks: Chunks | None = None
        self._script: Script | None = None

    def script(self) -> "Script":
        if self._script is None:
            self._script = read_script(self.path, self.file, f"task {self.name!r} ({self.place})")
        return self._script

    def work(self, connection: Any, context: TaskContext) -> dict[str, Any]:
        from stepwell.etl.run import run_script

        self.script().check(context.params)
        return {"rows": run_script(connection, self.script(), context.params)}


class LoadTask:
    """A table that is loaded from a query, which may run in another database, or from files.

    `source` is that database; `files` is a source that needs no query.
    """

    __slots__ = (
        "_script",
        "checks",
        "chunks",
        "files",
        "folder",
        "how",
        "into",
        "name",
        "place",
        "query",
        "retry",
        "source",
        "text",
        "timeout",
        "where",
    )
    needs_database = True
    transaction = True

    def __init__(
        self,
        name: str,
        into: str,
        query: str,
        source: "Setting | str | Source | None",
        folder: str,
        timeout: int,
        retry: Retry,
        place: str,
        how: Options,
    ) -> None:
        self.name = name
        self.into = into
        self.query = query
        self.source = source if isinstance(source, Setting | str) else None
        self.files = None if isinstance(source, Setting | str) else source
        self.folder = folder
        self.how = how
        self.text = query if len(query.split()) > 1 else None
        self.where = f"{place} (query)" if self.text else os.path.join(folder, query.strip())
        self.timeout = timeout
        self.retry = retry
        self.place = place
        self.checks: tuple[Check, ...] = ()
        self.chunks: Chunks | None = None
        self._script: Script | None = None

    def script(self) -> "Script":
        """The query's one statement."""
        if self._script is None:
            self._script = self._read()
        return self._script

    def check(self, params: Iterable[str]) -> None:
        """ConfigurationError if what it needs of SQL cannot be read, or asks for parameters that are not known."""
        from stepwell.etl.script import Script

        known = set(params)
        if self.how.range:
            Script.parse(self.how.range, f"{self.place} (range)").check(known)
        if not self.files:
            self.script().check(known)

    def _read(self) -> "Script":
        from stepwell.etl.script import Script

        if self.text:
            script = Script.parse(self.text, self.where)
        else:
            script = read_script(self.where, self.query, f"task {self.name!r} ({self.place})")
        if len(script.statements) != 1:
            raise ConfigurationError(
                f"{self.place}: the query of task {self.name!r} must be one statement, not {len(script.statements)}"
            )
        return script

    def work(self, connection: Any, context: TaskContext) -> dict[str, Any]:
        from stepwell.etl.load import load

        self.check(context.params)
        given = self.files or self.script()
        how = self.how._replace(pipeline=context.pipeline, task=self.name, run=context.run)
        return load(connection, self.into, given, context.params, self._source(), how, self.folder).receipt()

    def in_chunks(self, fence: "Fence", run: str, params: Mapping[str, Any]) -> "ChunkedLoad":
        from stepwell.etl.load_chunks import ChunkedLoad

        assert self.chunks is not None
        self.check(params)
        cut = self.chunks
        return ChunkedLoad(self.into, self.script(), params, self._source(), self.how, fence, run, cut.table, cut.by)

    def _source(self) -> str | None:
        return value_of(self.source, f"task {self.name!r} ({self.place})") if self.source else None


class PythonTask:
    """A function, or a class with `run()`. What it returns (rows, or a dict of counts and ids) is in its receipt."""

    __slots__ = (
        "__wrapped__",
        "_asked",
        "_asked_by_run",
        "_folder",
        "checks",
        "chunks",
        "name",
        "needs_database",
        "place",
        "retry",
        "timeout",
        "transaction",
    )

    def __init__(
        self,
        function: Callable[..., Any],
        name: str,
        timeout: int,
        retry: Retry,
        transaction: bool,
        place: str,
        folder: str,
    ) -> None:
        self.name = name
        self.timeout = timeout
        self.retry = retry
        self.transaction = transaction
        self.place = place
        self._folder = folder
        self.checks: tuple[Check, ...] = ()
        self.chunks: Chunks | None = None
        self.__wrapped__ = function
        self._asked, self._asked_by_run = _read_signature(function, f"{place}: task {name!r}")
        self.needs_database = bool(CONNECTION & (self._asked | (self._asked_by_run or frozenset())))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function or class itself does, so that a test can call it."""
        return self.__wrapped__(*args, **kwargs)

    @property
    def asks_for_chunk(self) -> bool:
        return "chunk" in self._asked | (self._asked_by_run or frozenset())

    def work(self, connection: Any, context: TaskContext, chunk: "Chunk | None" = None) -> dict[str, Any]:
        gifts = dict.fromkeys(CONNECTION, connection) | {"context": context, "chunk": chunk}
        try:
            result = self.__wrapped__(**{name: gifts[name] for name in self._asked})
            if self._asked_by_run is not None:
                result = result.run(**{name: gifts[name] for name in self._asked_by_run})
        except Exception as error:
            told = translated(error, self._folder)
            if told is error:
                raise
            raise told from error
        return self._told(result)

    def _told(self, result: Any) -> dict[str, Any]:
        if result is None or type(result) is int:
            return {"rows": result or 0}
        if not isinstance(result, dict):
            raise ConfigurationError(
                f"{self.place}: task {self.name!r} returned {type(result).__name__} {redacted(repr(result)):.80}; "
                'a task returns nothing, the number of its rows, or a dict of counts and ids, like {"rows": 3}'
            )
        rows = result.get("rows")
        return {"rows": rows if type(rows) is int else 0, "result": result}


class ValidateConfig:
    """The first step of every pipeline: are settings, files, input and database as they must be?"""

    __slots__ = ("name", "needs_database", "place", "retry", "timeout")
    transaction = False
    checks: "tuple[Check, ...]" = ()
    chunks: "Chunks | None" = None

    def __init__(self, place: str) -> None:
        self.name = VALIDATE
        self.timeout = 60
        self.retry = Retry(interval=2)
        self.place = place
        self.needs_database = False

    def work(self, connection: Any, context: TaskContext) -> dict[str, Any]:
        if connection is None:
            return {"rows": 0}
        version = str(connection.execute("select current_setting('server_version')").fetchone()[0])
        return {"rows": 0, "database": f"PostgreSQL {version.split(maxsplit=1)[0]}"}


Task = SqlTask | LoadTask | PythonTask | ValidateConfig


def table_of(task: Task) -> str | None:
    """The table that the task's checks are about, where they name none."""
    return task.into if isinstance(task, LoadTask) else None


def read_script(path: str, file: str, needed_by: str) -> "Script":
    from stepwell.etl.script import Script

    try:
        with open(path, encoding="utf-8-sig") as opened:
            return Script.parse(opened.read(), file)
    except FileNotFoundError:
        raise ConfigurationError(
            f"{needed_by} needs the SQL file {file}, which does not exist ({path}){_nearest(path)}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{needed_by} cannot read the SQL file {file}: {error}") from None


def _nearest(path: str) -> str:
    """The file that was meant, where one beside it is called much the same."""
    from difflib import get_close_matches

    folder, name = os.path.split(path)
    near = get_close_matches(name, os.listdir(folder), n=1) if os.path.isdir(folder) else []
    return f"; there is {near[0]}" if near else ""


def _read_signature(function: Any, what: str) -> tuple[frozenset[str], frozenset[str] | None]:
    """What the function asks for; of a class, what its constructor and its `run` ask for."""
    if not isinstance(function, type):
        if not callable(function) or not hasattr(function, "__name__"):
            raise ConfigurationError(f"{what} must be a function, or a class with run()")
        return asked(function, what), None
    run = getattr(function, "run", None)
    if not callable(run):
        raise ConfigurationError(f"{what} is the class {function.__name__}, which has no run()")
    init = getattr(function, "__init__")  # noqa: B009  mypy distrusts cls.__init__
    return asked(init, what, method=True), asked(run, f"{what}, in run(),", method=True)
