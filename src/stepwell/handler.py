"""The pipeline's one Lambda function: `{"action": "task_02"}` does that task and answers with a small receipt."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from stepwell.errors import ConfigurationError, StepwellError
from stepwell.etl.redact import redacted_data, redacted_error
from stepwell.pipeline.check import check, refuse
from stepwell.pipeline.context import TaskContext
from stepwell.pipeline.deadline import Deadline
from stepwell.pipeline.find import find_pipeline
from stepwell.pipeline.invocation import Invocation
from stepwell.pipeline.names import state_name
from stepwell.pipeline.params import resolve
from stepwell.pipeline.pipeline import Pipeline
from stepwell.pipeline.places import translated, without_ours
from stepwell.pipeline.receipt import Meter
from stepwell.pipeline.settings import value_of
from stepwell.pipeline.task import LoadTask, PythonTask, SqlTask, Task, ValidateConfig, table_of

_NO_PROOF = (
    "task {0!r} is a load, which needs no proof: each row that its query gives is in one range of keys. See what they "
    "are with: stepwell plan {0}"
)
_found: dict[tuple[str, str], Pipeline] = {}


def handler(event: Any, context: Any = None) -> dict[str, Any]:
    """Do what the event's action names.

    The pipeline is `STEPWELL_PIPELINE` ("pipeline:pipeline" if that is not set) in the function's own folder.
    An error of the task passes through under its own name.
    """
    folder = os.getcwd()
    try:
        pipeline = _pipeline()
        folder = pipeline.folder
        return _answer(pipeline, event, context)
    except BaseException as error:
        told = redacted_error(translated(error, folder))
        _forget_secrets(told)
        trace = without_ours(told.__traceback__)
        if told is error:
            raise told.with_traceback(trace)  # noqa: B904  keep the user's own cause
        raise told.with_traceback(trace) from None


def lambda_handler(event: Any, context: Any = None) -> dict[str, Any]:
    """The same on AWS, where the log must tell which run an invocation belongs to: `stepwell logs` looks for it."""
    called = event.get("context") if isinstance(event, dict) else None
    if isinstance(called, dict) and isinstance(called.get("Execution"), dict):
        asked = " ".join(str(event[key]) for key in ("action", "phase", "lane") if key in event)
        print(
            f"STEPWELL {called['Execution'].get('Id')} {asked} retry {(called.get('State') or {}).get('RetryCount', 0)}"
        )
    return handler(event, context)


def prepare() -> None:
    """Import while the function starts, when Lambda gives it most, what its first event would have to wait for.

    What cannot be imported is told by that event, under the error's own name.
    """
    with suppress(Exception):
        if _pipeline().needs_database:
            from stepwell.etl import fence, load, run  # noqa: F401


def _pipeline() -> Pipeline:
    """Found once in a process: a warm function imports nothing again."""
    target = os.environ.get("STEPWELL_PIPELINE") or "pipeline:pipeline"
    root = os.environ.get("LAMBDA_TASK_ROOT") or os.getcwd()
    if (target, root) not in _found:
        _found[target, root] = find_pipeline(target, root)
    return _found[target, root]


def _answer(pipeline: Pipeline, event: Any, lambda_context: Any) -> dict[str, Any]:
    call = Invocation(event, getattr(lambda_context, "aws_request_id", None), pipeline.actions[-1])
    task = pipeline.action(call.action)
    params = resolve(pipeline.params, call.input)
    with Deadline(task.name, call.timeout or task.timeout, _seconds_left(lambda_context)) as deadline:
        context = TaskContext(
            pipeline=pipeline.name,
            task=task.name,
            run=call.run,
            window=call.window,
            attempt=call.retries + 1,
            params=params,
            request_id=call.request_id,
            remaining=deadline.remaining,
        )
        if not _is_leased(pipeline, call):
            return _perform(pipeline, task, call, context)
        return _leased(pipeline, task, call, lambda: _perform(pipeline, task, call, context))


def _is_leased(pipeline: Pipeline, call: Invocation) -> bool:
    """On AWS a run's lease is the business of its invocations; on a machine whoever drives the run holds it."""
    on_aws = os.environ.get("AWS_EXECUTION_ENV", "").startswith("AWS_Lambda_")
    return on_aws and pipeline.needs_database and bool(call.state)


def _leased(pipeline: Pipeline, task: Task, call: Invocation, perform: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    from stepwell.etl.connection import lease
    from stepwell.etl.fence import explained
    from stepwell.etl.turns import end, renew

    url = value_of(pipeline.database, f"pipeline {pipeline.name!r} (its database)")
    mine = pipeline.name, call.window, call.run
    with lease(url, f"stepwell {pipeline.name} {task.name}") as connection, explained():
        renew(connection, *mine)
    answer = perform()
    last = pipeline.groups[-1]
    if task in last and call.phase in (None, "reconcile"):
        with lease(url, f"stepwell {pipeline.name} {task.name}") as connection, explained():
            end(connection, *mine, [each.name for each in last if each.needs_database])
    return answer


def _seconds_left(lambda_context: Any) -> float | None:
    left = getattr(lambda_context, "get_remaining_time_in_millis", None)
    return left() / 1000 if left else None


def _perform(pipeline: Pipeline, task: Task, call: Invocation, context: TaskContext) -> dict[str, Any]:
    meter = Meter()

    def work(connection: Any, attempt: int) -> dict[str, Any]:
        context.attempt = attempt
        told = task.work(connection, context)
        if connection is not None:
            connection.as_made()
        return meter.receipt(context, redacted_data(told | _checked(task, connection, context)))

    if isinstance(task, ValidateConfig):
        refuse(check(pipeline, at_run_time=True))
    if not task.needs_database:
        return work(None, context.attempt)
    url = value_of(pipeline.database, f"task {task.name!r} ({task.place})")
    application = f"stepwell {pipeline.name} {task.name}"
    if isinstance(task, ValidateConfig):
        return _validate(pipeline, url, application, work)
    if call.phase == "replay":
        from stepwell.pipeline.replaying import replayed

        return replayed(task, call.number, url, application, context, work)
    _must_fit(task, call)
    if isinstance(task, SqlTask | PythonTask | LoadTask) and task.chunks is not None:
        if call.phase == "prove":
            if isinstance(task, LoadTask):
                raise ConfigurationError(_NO_PROOF.format(task.name))
            from stepwell.pipeline.proving import proven

            return proven(task, task.chunks, url, application, context)
        if call.phase == "tune":
            if isinstance(task, LoadTask):
                raise ConfigurationError(f"{task.name} is a load: its lanes size their lots by themselves")
            from stepwell.pipeline.tuning import tuned

            return tuned(task, task.chunks, url, application, context)
        if call.phase == "show":
            from stepwell.pipeline.planning import shown

            return shown(task, task.chunks, url, application, context)
        from stepwell.pipeline.chunked import perform

        def checked(connection: Any) -> dict[str, Any]:
            return _checked(task, connection, context)

        return perform(task, task.chunks, url, application, call, context, checked)
    from stepwell.etl.fence import Key, run_fenced, run_plain

    run = run_fenced if task.transaction else run_plain
    key = Key(pipeline.name, task.name, call.window)
    return run(url, key, call.run, call.execution, call.clear, context.remaining(), application, work)


def _must_fit(task: Task, call: Invocation) -> None:
    """A state machine that was compiled before the task was cut into chunks, or after it, asks for the wrong thing."""
    in_chunks = task.chunks is not None
    if (call.phase is not None) != in_chunks and (call.phase or call.state == state_name(task.name)):
        raise ConfigurationError(
            f"task {task.name!r} is {'' if in_chunks else 'not '}done in chunks, which this run's state machine does "
            "not know: it is older than the function. Resume the run with the pipeline as it is now"
        )


def _checked(task: Task, connection: Any, context: TaskContext) -> dict[str, Any]:
    """In the task's transaction: what its checks refuse is never committed."""
    if not task.checks:
        return {}
    from stepwell.etl.checks import run_checks

    return {"checks": run_checks(connection, task.checks, table_of(task), task.place, context.params)}


def _validate(
    pipeline: Pipeline, url: str, application: str, work: Callable[[Any, int], dict[str, Any]]
) -> dict[str, Any]:
    """Reach every database that the pipeline uses. Validation is done in every attempt anew, so it has no fence."""
    from stepwell.etl.connection import connect, lease

    loads = [task for task in pipeline.tasks if isinstance(task, LoadTask)]
    for source in {value_of(load.source, f"task {load.name!r} ({load.place})") for load in loads if load.source}:
        connect(source, application).close()
    with lease(url, application) as connection:
        return work(connection, 1)


def _forget_secrets(error: BaseException) -> None:
    """After a refusal, a warm process reads its secrets anew: they may have been changed since."""
    secrets = sys.modules.get("stepwell.pipeline.secrets")
    if secrets is not None and isinstance(error, StepwellError) and error.kind == "configuration":
        secrets.forget()
