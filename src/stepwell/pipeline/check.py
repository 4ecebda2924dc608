"""Everything that can be known to be wrong with a pipeline before it runs, all of it at once."""

from typing import TYPE_CHECKING, Any, NamedTuple

from stepwell.errors import ConfigurationError
from stepwell.pipeline.chunks import Chunks
from stepwell.pipeline.params import mistakes
from stepwell.pipeline.schedule import Schedule
from stepwell.pipeline.settings import Setting, env
from stepwell.pipeline.task import LoadTask, PythonTask, Retry, SqlTask, Task, table_of

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
        found += _sql(task, pipeline.params) + _parser(task) + _checks(task, pipeline.params)
    for mistake in mistakes(pipeline.params, params_override or {}):
        found.append(Problem("input", mistake, ""))
    return found + _schedule(pipeline) + (_settings(pipeline) if at_run_time else [])


def structure(pipeline: "Pipeline") -> list[Problem]:
    """The mistakes that the state machine would inherit; reads no file."""
    found = [problem for task in pipeline.tasks for problem in _timing(task) + _chunks(task)] + _connections(pipeline)
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


def _chunks(task: Task) -> list[Problem]:
    """What can be known to be wrong with a task's chunks without a database."""
    chunks = task.chunks
    asks = isinstance(task, PythonTask) and task.asks_for_chunk
    if chunks is None:
        what = f"task {task.name!r} asks for chunk, and is not done in chunks"
        return [Problem(task.place, what, "give it chunks=Chunks('table', by=…)")] if asks else []
    if not isinstance(chunks, Chunks):
        return [Problem(task.place, f"chunks of task {task.name!r} is {chunks!r}", "give Chunks('table', by=…)")]
    found = [Problem(task.place, f"in task {task.name!r}, {what}", way) for what, way in chunks.mistakes()]
    if isinstance(task, LoadTask):
        found += [Problem(task.place, f"task {task.name!r} has chunks= and {what}", way) for what, way in _apart(task)]
    if isinstance(task, PythonTask) and not asks:
        what = f"task {task.name!r} is done in chunks, and does not ask for its part"
        found.append(Problem(task.place, what, "give the function the parameter chunk, and use chunk.sql()"))
    if not task.transaction:
        what = f"task {task.name!r} has chunks= and transaction=False"
        found.append(Problem(task.place, what, "a chunk is one transaction: drop one of the two"))
    return found


def _schedule(pipeline: "Pipeline") -> list[Problem]:
    """An expression that EventBridge Scheduler would refuse, and parameters that a scheduled run could not take."""
    schedule = pipeline.schedule
    if schedule is None:
        return []
    if not isinstance(schedule, Schedule):
        return [Problem(pipeline.place, f"schedule={schedule!r}", "give 'cron(0 3 * * ? *)', or a Schedule")]
    found = [Problem(pipeline.place, what, remedy) for what, remedy in schedule.mistakes()]
    return found + [
        Problem(pipeline.place, f"in the schedule's input, {mistake}", "")
        for mistake in mistakes(pipeline.params, schedule.input)
    ]


def _apart(task: LoadTask) -> list[tuple[str, str]]:
    """What a load in chunks cannot be."""
    found = []
    if task.files:
        found.append(("files", "files are loaded as a whole: drop chunks="))
    if task.how.mode not in ("swap", "truncate"):
        found.append((f"mode={task.how.mode!r}", 'chunks= belongs to mode="swap" or "truncate": drop one of the two'))
    if task.how.rejects:
        found.append((f"rejects={task.how.rejects}", "Chunks(tolerate=) says how many chunks may fail: drop rejects="))
    return found


def _is_whole(value: object, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _sql(task: Task, params: dict[str, Any]) -> list[Problem]:
    """A file that is missing or cannot be read as SQL, or that uses a parameter that the pipeline does not have."""
    if not isinstance(task, SqlTask | LoadTask):
        return []
    try:
        if isinstance(task, LoadTask):
            task.check(params)
        else:
            task.script().check(params)
    except ConfigurationError as error:
        message = error.message.removeprefix(f"{task.place}: ").replace(f" ({task.place})", "")
        return [Problem(task.place, message, "")]
    return []


def _parser(task: Task) -> list[Problem]:
    """A SQL task in chunks is read by a library that comes with an extra."""
    from importlib.util import find_spec

    if not isinstance(task, SqlTask) or task.chunks is None or find_spec("postgast") is not None:
        return []
    what = f"task {task.name!r} has chunks=, which needs PostgreSQL's parser"
    return [Problem(task.place, what, "pip install 'stepwell[chunks]'")]


def _checks(task: Task, params: dict[str, Any]) -> list[Problem]:
    if not task.checks:
        return []
    from stepwell.etl.checks import mistakes

    found = mistakes(task.checks, table_of(task), params)
    return [Problem(task.place, f"in checks of task {task.name!r}, {mistake}", "") for mistake in found]


def _connections(pipeline: "Pipeline") -> list[Problem]:
    """Tasks side by side hold one connection each, a task in chunks one for each lane."""
    most = pipeline.max_connections
    if most is None:
        return []
    if not _is_whole(most, 1, 100_000):
        return [Problem(pipeline.place, f"max_connections={most!r}", "give a whole number from 1")]
    found = []
    for group in pipeline.groups:
        needed = sum(map(connections_of, group))
        if needed > most:
            names = ", ".join(task.name for task in group)
            what = f"{names} can hold {needed} connections at the same time, more than max_connections={most}"
            ways = ["put fewer tasks into one parallel()"] if len(group) > 1 else []
            ways += ["give Chunks a smaller parallel="] if any(connections_of(task) > 1 for task in group) else []
            found.append(Problem(group[0].place, what, f"{', or '.join(ways)}, or raise max_connections"))
    return found


def connections_of(task: Task) -> int:
    """The most connections to the pipeline's database that a task holds at the same time."""
    lanes = task.chunks.parallel if isinstance(task.chunks, Chunks) else None
    return lanes if type(lanes) is int else int(task.needs_database)


def _settings(pipeline: "Pipeline") -> list[Problem]:
    needs: list[tuple[Setting, str, str]] = [
        (env(name), f"pipeline {pipeline.name!r} (requires)", pipeline.place) for name in pipeline.requires
    ]
    if pipeline.needs_database and isinstance(pipeline.database, Setting):
        needs.append((pipeline.database, f"pipeline {pipeline.name!r} (its database)", pipeline.place))
    needs += [
        (task.source, f"task {task.name!r} (its source)", task.place)
        for task in pipeline.tasks
        if isinstance(task, LoadTask) and isinstance(task.source, Setting)
    ]
    told: dict[str, Problem] = {}
    for setting, who, place in needs:
        wrong = setting.problem(who) if setting.name not in told else None
        if wrong:
            told[setting.name] = Problem(place, *wrong)
    return list(told.values())
