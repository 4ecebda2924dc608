"""The pipeline as its author writes it: tasks in the order of their definition, some of them side by side."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

from stepwell.errors import ConfigurationError, UnknownAction
from stepwell.pipeline.loads import check_given, options_of
from stepwell.pipeline.names import VALIDATE, check_pipeline_name, check_task_name, snake_case, state_names
from stepwell.pipeline.params import check_defaults
from stepwell.pipeline.places import caller, shown
from stepwell.pipeline.schedule import Schedule
from stepwell.pipeline.settings import Setting, env
from stepwell.pipeline.task import LoadTask, PythonTask, Retry, SqlTask, Task, ValidateConfig

if TYPE_CHECKING:
    from stepwell.etl.rules import Check
    from stepwell.etl.sources import Source
    from stepwell.pipeline.chunks import Chunks

_LONGEST = 900  # seconds that a Lambda function may run

T = TypeVar("T", SqlTask, LoadTask, PythonTask)


class Pipeline:
    """An ordered set of tasks.

    `params` are the run's parameters with their defaults, `database` is where the tasks work, `requires` names the
    environment variables that must be set. SQL files are looked for beside the file that makes the pipeline.
    `max_connections` is the most connections to `database` that a run may hold at the same time. `schedule` is when it
    runs by itself: `"cron(0 3 * * ? *)"`, or a Schedule with time zone and parameters. `on_success` and `on_failure`
    are told when a run on this machine ends: a command, or an address that is sent JSON.
    """

    __slots__ = (
        "_groups",
        "_tasks",
        "database",
        "folder",
        "max_connections",
        "name",
        "on_failure",
        "on_success",
        "params",
        "place",
        "requires",
        "root",
        "schedule",
        "target",
    )

    def __init__(
        self,
        name: str,
        params: Mapping[str, Any] | None = None,
        database: Setting | str | None = None,
        requires: Sequence[str] = (),
        max_connections: int | None = None,
        schedule: Schedule | str | None = None,
        on_success: Setting | str | None = None,
        on_failure: Setting | str | None = None,
    ) -> None:
        file, line = caller(1)
        self.folder = os.path.dirname(file)
        self.place = shown(file, line, self.folder)
        check_pipeline_name(name, self.place)
        check_defaults(params or {}, self.place)
        self.name = name
        self.params: dict[str, Any] = dict(params or {})
        self.database = env("DATABASE_URL") if database is None else database
        self.requires = (requires,) if isinstance(requires, str) else tuple(requires)
        self.max_connections = max_connections
        self.schedule = Schedule(schedule) if isinstance(schedule, str) else schedule
        self.on_success = on_success
        self.on_failure = on_failure
        self._tasks: dict[str, Task] = {VALIDATE: ValidateConfig(self.place)}
        self._groups: list[tuple[Task, ...]] = []
        self.root: str | None = None  # the folder on the import path, and "module:attribute" there: set when found
        self.target: str | None = None

    def __repr__(self) -> str:
        return f"Pipeline({self.name!r}: {', '.join(self.actions)})"

    def sql(
        self,
        name: str,
        file: str,
        *,
        timeout: int = _LONGEST,
        retry: Retry | None = None,
        checks: "Sequence[Check]" = (),
        chunks: "Chunks | None" = None,
    ) -> SqlTask:
        """Add a task that runs the statements of an SQL file in one transaction, or, with `chunks`, in one for each.

        `checks` must hold before that is committed, as for every kind of task; in chunks, when all are done.
        """
        place = self._place()
        return self._add(SqlTask(name, file, self.folder, timeout, retry or Retry(), place), checks, chunks)

    def load(
        self,
        name: str,
        *,
        into: str,
        query: str | None = None,
        source: "Setting | str | Source | None" = None,
        mode: str = "swap",
        key: str | Sequence[str] = (),
        watermark: str = "",
        overlap: str | float = "",
        range: str = "",  # noqa: A002  the word that PostgreSQL has for it
        drift: str = "fail",
        rejects: int = 0,
        timeout: int = _LONGEST,
        retry: Retry | None = None,
        checks: "Sequence[Check]" = (),
        chunks: "Chunks | None" = None,
    ) -> LoadTask:
        """Add a task that loads the table `into` with the rows of `query`: SQL text, or an SQL file.

        With `source`, the query runs in that database and the rows are copied over; or the source is files
        (`csv_files`, `jsonl_files`), and there is no query. `mode` is "swap" (all rows, by a new table where that can
        be), "truncate" (all rows, in place), "incremental" (rows whose `watermark` is new since the last time, less
        `overlap`, are put in place of those with the same `key`) or "replace" (the rows of a `range`, a condition with
        the run's parameters). Columns that only the source has `drift`: "fail", "add" or "ignore". Up to `rejects`
        bad rows are set aside in `<into>_rejects`. With `chunks`, the rows come in many transactions, each range of
        keys in one, into a table that takes the place of `into` when all are there.
        """
        place = self._place()
        what = f"{place}: task {name!r}"
        check_given(what, query, source)
        how = options_of(what, place, mode, key, watermark, overlap, range, drift, rejects)
        task = LoadTask(name, into, query or "", source, self.folder, timeout, retry or Retry(), place, how)
        return self._add(task, checks, chunks)

    @overload
    def task(self, function: Callable[..., Any], /) -> PythonTask: ...
    @overload
    def task(
        self,
        /,
        *,
        name: str | None = None,
        timeout: int = _LONGEST,
        retry: Retry | None = None,
        transaction: bool = True,
        checks: "Sequence[Check]" = (),
        chunks: "Chunks | None" = None,
    ) -> Callable[[Callable[..., Any]], PythonTask]: ...
    def task(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        name: str | None = None,
        timeout: int = _LONGEST,
        retry: Retry | None = None,
        transaction: bool = True,
        checks: "Sequence[Check]" = (),
        chunks: "Chunks | None" = None,
    ) -> PythonTask | Callable[[Callable[..., Any]], PythonTask]:
        """Add a function, or a class with `run()`, as a task.

        It is given what its parameters ask for by name: `connection` (or `connector`, `conn`) and `context`; with
        `chunks` also `chunk`, the part of the table that it is to work on in this call.
        `transaction=False` is for effects outside the database: they may happen more than once.
        """
        place = self._place()

        def add(function: Callable[..., Any]) -> PythonTask:
            own = name or _name_of(function)
            return self._add(
                PythonTask(function, own, timeout, retry or Retry(), transaction, place, self.folder), checks, chunks
            )

        return add if function is None else add(function)

    def parallel(self, *tasks: Task) -> tuple[Task, ...]:
        """Let tasks that are defined one after another run at the same time."""
        place = self._place()
        group = tuple(task for task in self._tasks.values() if task in tasks)
        if len(group) < 2 or len(group) != len(tasks):
            raise ConfigurationError(f"{place}: parallel() takes two or more different tasks of this pipeline")
        starts = [index for index in range(len(self._groups)) if self._groups[index] == group[:1]]
        alone = [(task,) for task in group]
        if not starts or self._groups[starts[0] : starts[0] + len(group)] != alone:
            names = ", ".join(task.name for task in group)
            raise ConfigurationError(
                f"{place}: {names} cannot run in parallel: define them one after another, each in one parallel() only"
            )
        self._groups[starts[0] : starts[0] + len(group)] = [group]
        return group

    @property
    def actions(self) -> list[str]:
        """What the pipeline's function can be asked to do, in order."""
        return list(self._tasks)

    @property
    def tasks(self) -> list[Task]:
        """All tasks in order, validate_config first."""
        return list(self._tasks.values())

    @property
    def groups(self) -> list[tuple[Task, ...]]:
        """The steps after validate_config: one task each, or several that run in parallel."""
        return list(self._groups)

    @property
    def needs_database(self) -> bool:
        return self._tasks[VALIDATE].needs_database

    def action(self, name: str) -> Task:
        if name not in self._tasks:
            raise UnknownAction(f"unknown action {name!r}; this pipeline knows: {', '.join(self._tasks)}")
        return self._tasks[name]

    def _place(self) -> str:
        return shown(*caller(2), self.folder)

    def _add(self, task: T, checks: "Sequence[Check]" = (), chunks: "Chunks | None" = None) -> T:
        check_task_name(task.name, task.place)
        self._check_new(task)
        given: Any = checks
        task.checks = tuple(given) if isinstance(given, list | tuple) else (given,)
        if checks and isinstance(task, PythonTask):
            task.needs_database = True
        task.chunks = chunks
        if chunks is not None and isinstance(task, PythonTask):
            task.needs_database = True
        self._tasks[task.name] = task
        self._groups.append((task,))
        validate = self._tasks[VALIDATE]
        assert isinstance(validate, ValidateConfig)
        validate.needs_database |= task.needs_database
        return task

    def _check_new(self, task: Task) -> None:
        """Two tasks may share neither a name nor the name of a state."""
        names = set(state_names(task.name))
        for other in self._tasks.values():
            if other.name == task.name:
                raise ConfigurationError(
                    f"{task.place}: there is a task {task.name!r} already, at {other.place}; "
                    "give one of them another name"
                )
            for shared in names.intersection(state_names(other.name)):
                raise ConfigurationError(
                    f"{task.place}: the tasks {task.name!r} and {other.name!r} ({other.place}) would share "
                    f"the state {shared}; give one of them another name"
                )


def _name_of(function: Any) -> str:
    name = str(getattr(function, "__name__", function))
    return snake_case(name) if isinstance(function, type) else name
