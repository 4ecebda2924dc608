"""What the monitor reads from and acts through on AWS: the service itself, and the table of its functions' progress."""

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stepwell.aws.machine import Machine
from stepwell.cli import side
from stepwell.cli.watching import forecast_of
from stepwell.errors import StepwellError
from stepwell.monitor.source import Execution, Source
from stepwell.operate.resume import Redrive, plan
from stepwell.pipeline.find import find_pipeline
from stepwell.progress import NoProgress, Progress, open_progress

_THREADS = 8  # an answer takes long, and most of that is waiting


@contextmanager
def aws_source(options: Namespace) -> Iterator[Source]:
    """The state machine that is named, else that of the pipeline here; where neither is, all that there are."""
    session = side.session(options)
    name = options.state_machine or (find_pipeline().name if Path("pipeline.py").is_file() else None)
    machine = Machine(session, name) if name else None
    client: Any = session.client("stepfunctions", max_pool_connections=_THREADS)
    progress = _progress(machine)
    try:
        yield Source(
            client=_Only(client, machine.arn) if machine else client,
            progress=progress,
            place=f"AWS {session.region}",
            status=lambda execution: str(execution["status"]),
            logs=lambda _arn, _event: None,
            resume=lambda execution, task: _resume(client, execution, task),
            stop=lambda execution: _stop(client, execution),
            forecast=forecast_of,
            suffix=side.flags(options),
            region=session.region,
            threads=_THREADS,
        )
    finally:
        progress.close()


class _Only:
    """A client that knows of one state machine alone."""

    def __init__(self, client: Any, arn: str) -> None:
        self._client = client
        self._arn = arn

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def list_state_machines(self, **_: Any) -> dict[str, Any]:
        found = self._client.describe_state_machine(stateMachineArn=self._arn)
        return {"stateMachines": [{key: found[key] for key in ("stateMachineArn", "name", "type")}]}


def _progress(machine: Machine | None) -> Progress:
    """Where the machine's function writes it. A machine that calls none, or one that we may not ask, has none."""
    if machine is None:
        return open_progress()
    try:
        return open_progress(machine.progress_url)
    except StepwellError:
        return NoProgress()


def _resume(client: Any, execution: Execution, task: str | None) -> str:
    """In the same execution where AWS would, else in a new one of the same run, with the machine as it is deployed."""
    machine = execution["stateMachineArn"]
    definition = client.describe_state_machine(stateMachineArn=machine)["definition"]
    choice = plan(client, execution, definition, task)
    if isinstance(choice, Redrive):
        client.redrive_execution(executionArn=choice.arn)
        return choice.arn
    started = client.start_execution(stateMachineArn=machine, name=choice.name, input=choice.input)
    return str(started["executionArn"])


def _stop(client: Any, execution: Execution) -> None:
    client.stop_execution(
        executionArn=execution["executionArn"], error="Stopped", cause="stopped with `stepwell monitor`"
    )
