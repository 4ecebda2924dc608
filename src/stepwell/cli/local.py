"""The engine on this machine, put together: journal, owner, functions, worker, and the client that all commands use."""

import os
import threading
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from stepwell.api.actions import ALONE, READS, Door, perform
from stepwell.api.arns import function_arn
from stepwell.api.client import Client, shaped
from stepwell.api.door import Answer, Later, Outside, Request, Written, new_id
from stepwell.api.sdk import ANY, input_shape
from stepwell.api.validation import validate
from stepwell.asl.outcome import Call
from stepwell.asl.payload import Payload
from stepwell.cli.turns import Leases
from stepwell.errors import ConfigurationError, StatesError
from stepwell.journal.journal import ExecutionRow, Journal
from stepwell.journal.owners import Owner, is_alive
from stepwell.pipeline.pipeline import Pipeline
from stepwell.progress import VARIABLE, Progress, open_progress
from stepwell.resources.function import Function
from stepwell.resources.functions import Functions
from stepwell.resources.hands import Hands, Work
from stepwell.resources.items import read_text
from stepwell.resources.mocks import check_mock
from stepwell.resources.services import Own, Services
from stepwell.worker import Worker

HANDLER = "stepwell.handler.handler"
GLANCE = 0.25  # seconds between two looks for a task that another process offers


def home(folder: Path | None = None) -> Path:
    """Where a project's journal, logs and embedded database are: STEPWELL_HOME, else `.stepwell` in its folder."""
    chosen = os.environ.get("STEPWELL_HOME")
    return Path(chosen) if chosen else (folder or Path.cwd()) / ".stepwell"


def progress_url(folder: Path) -> str:
    """Where the functions of this machine write their progress: STEPWELL_PROGRESS, else a file in the home `folder`."""
    return os.environ.get(VARIABLE) or f"sqlite:///{(folder / 'progress.db').absolute()}"


class Reader:
    """What commands need that only look, the local `Side`: no owner, no worker, nothing is started."""

    name = "local"
    flags = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.code = os.getcwd()
        self.journal = Journal(folder)
        self.client = Client(Door(self.journal, ""))

    def status_of(self, execution: dict[str, Any]) -> str:
        """AWS's status, or INTERRUPTED: under way, says the journal, but the process that drove it has died."""
        status: str = execution["status"]
        row = self.journal.execution(execution["executionArn"]) if status == "RUNNING" else None
        return status if row is None or is_alive(self.folder, row.owner) else "INTERRUPTED"

    def progress(self) -> Progress:
        return open_progress(progress_url(self.folder))

    def close(self) -> None:
        self.journal.close()

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Engine:
    """Everything that runs executions in this process; with `leases` where a command runs a pipeline.

    `embedded`: the pipeline works on the embedded PostgreSQL, since no other database was named.
    """

    leases: Leases
    embedded = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = Journal(folder)
        self.owner = Owner(folder)
        self.functions = Functions(folder / "logs")
        self.services = Services()
        self.hands = Hands(self.functions, self.services)
        self.worker = Worker(self.journal, self.owner, self.hands)
        self.door = Door(self.journal, self.owner.name, self.worker.adopt)
        self.door.outside = Outside(
            self._call, check_mock, lambda reader, text: read_text(reader.resource or "", reader.options, text)
        )
        self.client = Client(self.door)
        self._reading = threading.Lock()
        self.services.own["stepfunctions"] = Own(self._own, input_shape)
        self.services.own["lambda"] = Own(_no_lambda, lambda action: ANY)
        self.hands.watch = self._watch

    def perform(self, action: str, request: Request, wanted: Callable[[], bool] = lambda: True) -> Answer | Written:
        """An action of the Step Functions API, from any thread but the loop's. `wanted`: somebody still listens."""

        def work() -> Answer | Written | Later:
            gone = action == "GetActivityTask" and not wanted()  # else the task would be lost with the client
            return {} if gone else perform(self.door, action, request)

        if action in READS:
            with self._reading:
                answer = perform(self._reader, action, request)
        else:
            answer = work() if action in ALONE else self.worker.ask(work)
        if not isinstance(answer, Later):
            return answer
        if answer.execution is None:
            return self._patiently(work, answer)
        ended, later, number = threading.Event(), answer, answer.execution
        self.worker.ask(lambda: self.worker.when_ended(number, ended.set))
        ended.wait(later.seconds)
        return self.worker.ask(later.answer)

    @cached_property
    def _reader(self) -> Door:
        """A connection of its own: a page of history and an execution under way do not wait for each other."""
        return Door(Journal(self.folder), "")

    def _patiently(self, work: Callable[[], Answer | Written | Later], answer: Later) -> Answer | Written:
        """Try again whenever an activity has a task, here or in another process, until it is too late."""
        until = time.monotonic() + answer.seconds
        while time.monotonic() < until:
            with self.worker.offered:
                self.worker.offered.wait(GLANCE)
            found = self.worker.ask(work)
            if not isinstance(found, Later):
                return found
        return answer.answer()

    def _watch(self, arn: str, tell: Callable[[], None]) -> None:
        """Tell of the end of an execution, if it is under way here."""

        def watch() -> None:
            row = self.journal.execution(arn)
            if row is not None:
                self.worker.when_ended(row.id, tell)

        self.worker.ask(watch)

    def _own(self, action: str, request: Request) -> Answer:
        """The same as a Task asks for it: checked, and with times as boto3 has them."""
        validate(action, request)
        return shaped(self.perform(action, request))

    def _call(self, call: Call, seconds: float) -> tuple[Payload | None, str | None, str | None]:
        """What TestState asks of a resource."""
        refusal = self.worker.refusal(call)
        if refusal is not None:
            raise StatesError("States.Runtime", refusal)
        request, over = new_id(), threading.Event()

        def time_out() -> None:
            over.set()
            self.hands.cancel(request)

        timer = threading.Timer(seconds, time_out)
        timer.start()
        *_, last = self.hands.perform(Work("", call.resource, call.arguments.text, request))
        timer.cancel()
        if over.is_set():
            return None, "States.Timeout", None
        return None if last.text is None else Payload.parse(last.text), last.error, last.cause

    def register(self, pipeline: Pipeline, environment: dict[str, str]) -> str:
        """Make a pipeline's folder a Lambda function of this machine; its ARN."""
        arn = function_arn(pipeline.name)
        ours = {"STEPWELL_PIPELINE": pipeline.target or "", VARIABLE: progress_url(self.folder)}
        timeout = max(task.timeout for task in pipeline.tasks)
        self.functions.register(Function(arn, HANDLER, Path(pipeline.root or "."), ours | environment, timeout))
        return arn

    def has_died(self, execution: dict[str, Any]) -> bool:
        """Whether the process that drives an execution is there no more."""
        return not is_alive(self.folder, self.row(execution["executionArn"]).owner)

    def row(self, arn: str) -> ExecutionRow:
        row = self.journal.execution(arn)
        if row is None:
            raise AssertionError(f"{arn} was found and is gone")
        return row

    def close(self) -> None:
        if "_reader" in self.__dict__:
            self._reader.journal.close()
        self.functions.close()
        self.owner.close()
        self.journal.close()

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _no_lambda(action: str, _request: Request) -> Answer:
    raise ConfigurationError(f"lambda:{action} is only there where `stepwell serve` runs")
