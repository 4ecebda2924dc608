"""Everything that can be known to be wrong with a pipeline before it runs, all of it at once."""

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from stepwell.errors import ConfigurationError
from stepwell.pipeline.params import mistakes
from stepwell.pipeline.settings import Setting, missing
from stepwell.pipeline.task import LoadTask, Retry, SqlTask, Task

if TYPE_CHECKING:
    from stepwell.pipeline.pipeline import Pipeline


class Problem(NamedTuple):
    """One mistake: `pipeline.py:12`, what is wrong, and what to do about it."""

    place: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}; {self.remedy}" if self.remedy else f"{self.place}: {self.message}"


def check(
    pipeline: "Pipeline", params_override: dict[str, Any] | None = None, at_run_time: bool = False
) -> list[Problem]:
    """All mistakes; at run time also the settings that are missing from the environment."""
    found = structure(pipeline)
    for task in pipeline.tasks:
        found += _sql(task, pipeline.params)
    for mistake in mistakes(pipeline.params, params_override or {}):
        found.append(Problem("input", mistake, ""))
    return found + (_settings(pipeline) if at_run_time else [])


def structure(pipeline: "Pipeline") -> list[Problem]:
    """The mistakes that the state machine would inherit; reads no file."""
    found = [problem for task in pipeline.tasks for problem in _timing(task)]
    if not pipeline.groups:
        remedy = "add one, for instance pipeline.sql('task_01', 'sql/task_01.sql')"
        found.append(Problem(pipeline.place, f"pipeline {pipeline.name!r} has no tasks", remedy))
    return found


def refuse(problems: list[Problem]) -> None:
    """Raise ConfigurationError that lists the problems, one a line, if there are any."""
    if problems:
        raise ConfigurationError("\n".join(map(str, problems)))


def _timing(task: Task) -> list[Problem]:
    timeout, retry = task.timeout, task.retry
    found = []
    if not _is_whole(timeout, 1, 900):
        remedy = "give whole seconds from 1 to 900, the longest that a Lambda function may run"
        found.append(Problem(task.place, f"the timeout of task {task.name!r} is {timeout!r}", remedy))
    if not isinstance(retry, Retry):
        return [*found, Problem(task.place, f"retry of task {task.name!r} is {retry!r}", "give Retry(max_attempts=2)")]
    for field, low, high in (("max_attempts", 0, 100), ("interval", 1, 86_400)):
        if not _is_whole(getattr(retry, field), low, high):
            text = f"Retry({field}={getattr(retry, field)!r}) of task {task.name!r}"
            found.append(Problem(task.place, text, f"give a whole number from {low} to {high}"))
    if not isinstance(retry.backoff, int | float) or not 1 <= retry.backoff <= 10:
        text = f"Retry(backoff={retry.backoff!r}) of task {task.name!r}"
        found.append(Problem(task.place, text, "give a number from 1 to 10"))
    return found


def _is_whole(value: object, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _sql(task: Task, params: dict[str, Any]) -> list[Problem]:
    """A file that is missing or cannot be read as SQL, or that uses a parameter that the pipeline does not have."""
    if not isinstance(task, SqlTask | LoadTask):
        return []
    try:
        task.script().check(params)
    except ConfigurationError as error:
        return [Problem(task.place, error.message.removeprefix(f"{task.place}: "), "")]
    return []


def _settings(pipeline: "Pipeline") -> list[Problem]:
    needs = [(name, f"pipeline {pipeline.name!r} (requires)", pipeline.place) for name in pipeline.requires]
    if pipeline.needs_database and isinstance(pipeline.database, Setting):
        needs.append((pipeline.database.name, f"pipeline {pipeline.name!r} (its database)", pipeline.place))
    needs += [
        (task.source.name, f"task {task.name!r} (its source)", task.place)
        for task in pipeline.tasks
        if isinstance(task, LoadTask) and isinstance(task.source, Setting)
    ]
    unset = {name: (who, place) for name, who, place in needs if not os.environ.get(name)}
    return [Problem(place, *missing(name, who)) for name, (who, place) in unset.items()]
