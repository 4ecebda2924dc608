"""The engine on this machine, put together: journal, owner, functions, worker, and the client that all commands use."""

import os
import threading
from functools import cached_property
from pathlib import Path
from typing import Any

from stepwell.api.actions import ALONE, READS, Door, perform
from stepwell.api.arns import function_arn
from stepwell.api.client import Client, shaped
from stepwell.api.door import Answer, Later, Outside, Request, Written, new_id
from stepwell.api.validation import validate
from stepwell.asl.outcome import Call
from stepwell.asl.payload import Payload
from stepwell.errors import ResourceNotFoundException
from stepwell.journal.journal import ExecutionRow, Journal
from stepwell.journal.owners import Owner, is_alive
from stepwell.pipeline.pipeline import Pipeline
from stepwell.progress import VARIABLE, Progress, open_progress
from stepwell.resources.function import Function
from stepwell.resources.functions import Functions
from stepwell.resources.items import read_text
from stepwell.resources.mocks import check_mock
from stepwell.resources.services import Services
from stepwell.worker import Worker

HANDLER = "stepwell.handler.handler"
LONGEST = 300  # seconds that StartSyncExecution waits, as on AWS


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
    """Everything that runs executions in this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = Journal(folder)
        self.owner = Owner(folder)
        self.functions = Functions(folder / "logs")
        self.services = Services()
        self.worker = Worker(self.journal, self.owner, self.functions, self.services)
        self.door = Door(self.journal, self.owner.name, self.worker.adopt)
        self.door.outside = Outside(
            self._call, check_mock, lambda reader, text: read_text(reader.resource or "", reader.options, text)
        )
        self.client = Client(self.door)
        self._reading = threading.Lock()
        self.services.own["stepfunctions"] = self._own

    def perform(self, action: str, request: Request) -> Answer | Written:
        """An action of the Step Functions API, from any thread but the loop's."""

        def work() -> Answer | Written | Later:
            return perform(self.door, action, request)

        if action in READS:
            with self._reading:
                answer = perform(self._reader, action, request)
        else:
            answer = work() if action in ALONE else self.worker.ask(work)
        if not isinstance(answer, Later):
            return answer
        ended, later = threading.Event(), answer
        self.worker.ask(lambda: self.worker.when_ended(later.execution, ended.set))
        ended.wait(LONGEST)
        return self.worker.ask(later.answer)

    @cached_property
    def _reader(self) -> Door:
        """A connection of its own: a page of history and an execution under way do not wait for each other."""
        return Door(Journal(self.folder), "")

    def _own(self, action: str, request: Request) -> Answer:
        """The same as a Task asks for it: checked, and with times as boto3 has them."""
        validate(action, request)
        return shaped(self.perform(action, request))

    def _call(self, call: Call, seconds: float) -> tuple[Payload | None, str | None, str | None]:
        """What TestState asks of a resource."""
        request = new_id()
        timer = threading.Timer(seconds, self.functions.cancel, [request])
        timer.start()
        try:
            process = self.functions.take(call.resource, request)
            response = self.functions.invoke(process, call.arguments.text, request)
        except (ResourceNotFoundException, OSError) as error:
            return None, f"Lambda.{type(error).__name__}", str(error)
        finally:
            timer.cancel()
        return None if response.text is None else Payload.parse(response.text), response.error, response.cause

    def register(self, pipeline: Pipeline, environment: dict[str, str]) -> str:
        """Make a pipeline's folder a Lambda function of this machine; its ARN."""
        arn = function_arn(pipeline.name)
        ours = {"STEPWELL_PIPELINE": pipeline.target or "", VARIABLE: progress_url(self.folder)}
        timeout = max(task.timeout for task in pipeline.tasks)
        self.functions.register(Function(arn, HANDLER, Path(pipeline.root or "."), ours | environment, timeout))
        return arn

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
