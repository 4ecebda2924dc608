"""What the monitor reads from and acts through on AWS: the service itself, and the table of its functions' progress."""

import math
import time
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from stepwell.aws.machine import Machine
from stepwell.aws.session import Session
from stepwell.cli import side
from stepwell.cli.function_log import LATER, PAUSE, Call, FunctionLog, call_of, milliseconds
from stepwell.cli.watching import forecast_of
from stepwell.errors import StepwellError
from stepwell.insight.visit import Attempt, Visit
from stepwell.monitor.source import Execution, Source
from stepwell.operate.resume import Redrive, plan
from stepwell.pipeline.find import find_pipeline
from stepwell.progress import NoProgress, Progress, open_progress

_KEPT = 16  # executions whose logs are kept in memory
_AGAIN = 60.0  # seconds until a log that could not be read is asked for again
_THREADS = 8  # an answer takes long, and most of that is waiting


@contextmanager
def aws_source(options: Namespace) -> Iterator[Source]:
    """The state machine that is named, else that of the pipeline here; where neither is, all that there are."""
    session = side.session(options)
    name = options.state_machine or (find_pipeline().name if Path("pipeline.py").is_file() else None)
    machine = Machine(session, name) if name else None
    client: Any = session.client("stepfunctions", max_pool_connections=_THREADS)
    progress = _progress(machine)
    logs = _Logs(session, client)
    try:
        yield Source(
            client=_Only(client, machine.arn) if machine else client,
            progress=progress,
            place=f"AWS {session.region}",
            status=lambda execution: str(execution["status"]),
            logs=logs.of,
            resume=lambda execution, task: _resume(client, execution, task),
            stop=lambda execution: _stop(client, execution),
            forecast=forecast_of,
            suffix=side.flags(options),
            region=session.region,
            threads=_THREADS,
        )
    finally:
        progress.close()


class _Logs:
    """What the functions have printed, by execution; threads may share it."""

    def __init__(self, session: Session, client: Any) -> None:
        self._session, self._client = session, client
        self._lock = Lock()
        self._open: OrderedDict[str, _Log] = OrderedDict()

    def of(self, arn: str, visit: Visit, attempt: Attempt) -> list[str] | None:
        with self._lock:
            log = self._open.setdefault(arn, _Log(self._session, self._client, arn))
            self._open.move_to_end(arn)
            while len(self._open) > _KEPT:
                self._open.popitem(last=False)
            return log.of(visit, attempt)


class _Log:
    """Looked into at most every few seconds, and no more when no line can come."""

    def __init__(self, session: Session, client: Any, arn: str) -> None:
        self._session, self._client, self._arn = session, client, arn
        self._log: FunctionLog | None = None
        self._calls: list[Call] = []
        self._next = 0.0
        self._trouble = ""

    def of(self, visit: Visit, attempt: Attempt) -> list[str] | None:
        if time.time() >= self._next:
            self._look()
        if self._trouble:
            return [self._trouble]
        call = call_of(self._calls, visit, attempt)
        return None if call is None else call.lines

    def _look(self) -> None:
        try:
            execution = self._client.describe_execution(executionArn=self._arn)
            if self._log is None:
                self._log = self._opened(execution)
            ended = milliseconds(execution["stopDate"]) if "stopDate" in execution else None
            self._calls = self._log.look(None if ended is None else ended + LATER)
            settled = ended is not None and time.time() * 1000 > ended + LATER
            self._next, self._trouble = math.inf if settled else time.time() + PAUSE, ""
        except StepwellError as error:
            self._next, self._trouble = time.time() + _AGAIN, f"the function's log cannot be read: {error.message}"

    def _opened(self, execution: Execution) -> FunctionLog:
        machine = Machine(self._session, execution["stateMachineArn"])
        since = milliseconds(execution["startDate"])
        return FunctionLog(self._session.client("logs"), machine.log_group, self._arn, since)


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
