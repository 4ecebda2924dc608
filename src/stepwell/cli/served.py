"""The engine as a server has it: a loop that threads ask, functions made through the API, the pipeline found here."""

import os
import sys
import traceback
from functools import partial
from pathlib import Path
from typing import Any

from stepwell.api.actions import ACTIONS
from stepwell.api.arns import ROLE
from stepwell.api.code import Code
from stepwell.api.functions import Hands, Invoked, Shop
from stepwell.api.http import Call
from stepwell.api.protocol import Reply, step_functions
from stepwell.api.rest import lambda_, perform
from stepwell.api.sdk import ANY
from stepwell.cli.database import environment
from stepwell.cli.local import HANDLER, Engine
from stepwell.cli.turns import ServedLeases
from stepwell.errors import StepwellError
from stepwell.journal.shelf import LATEST, FunctionRow
from stepwell.pipeline.find import find_pipeline
from stepwell.pipeline.pipeline import Pipeline
from stepwell.resources.function import Function
from stepwell.resources.services import Own

KNOWN = frozenset(ACTIONS)
LOG_SHOWN = 4096  # bytes of a log's end that Invoke answers
TASK_ROOT = "/var/task"  # what Lambda calls the folder of a function


class Served:
    """Answers requests from any thread; what touches the journal is done by the loop's thread."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.worker = engine.worker
        self.code = Code(engine.folder)
        self.pipeline: str | None = None  # that of this folder
        hands = Hands(self._register, self._forget, self._invoke)
        self.shop = Shop(engine.journal, self.code, hands, engine.worker.ask, self._pipelines())
        self.worker.on_fault = _report
        engine.services.own["lambda"] = Own(partial(perform, self.shop), lambda action: ANY)
        self._open_shelf()

    def answer(self, call: Call) -> Reply:
        if call.rest:
            return lambda_(self.shop, call)
        return step_functions(partial(self.engine.perform, wanted=call.wanted), KNOWN, call.target, call.body)

    # Functions

    def _open_shelf(self) -> None:
        rows = self.engine.journal.shelf.versions()
        self.code.sweep({row.folder for row in rows})
        for row in rows:
            self._register(row)

    def _register(self, row: FunctionRow) -> None:
        facts = row.settings
        function = Function(
            facts["FunctionArn"],
            facts["Handler"],
            self.code.place(row.folder),
            facts.get("Environment", {}).get("Variables", {}),
            facts["Timeout"],
            facts["MemorySize"],
            TASK_ROOT,
        )
        self.engine.functions.register(function)

    def _forget(self, row: FunctionRow) -> None:
        self.engine.functions.forget(row.settings["FunctionArn"])

    def _invoke(self, arn: str, payload: str, request: str) -> Invoked:
        process = self.engine.functions.take(arn, request)
        response = self.engine.functions.invoke(process, payload, request)
        with open(self.engine.folder / "logs" / process.stream, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - LOG_SHOWN))
            log = file.read(LOG_SHOWN)
        log = log[max(0, log.rfind(f"START RequestId: {request}".encode())) :]
        text = response.text if response.error is None else response.cause
        return Invoked(text or "null", response.error is not None, log)

    # Pipelines

    def _pipelines(self) -> list[FunctionRow]:
        """The pipeline in this folder, if there is one; one that cannot be loaded is told, the rest is served."""
        if not Path("pipeline.py").is_file():
            return []
        try:
            pipeline = find_pipeline(None)
            variables = environment(pipeline, self.engine.folder)
            arn = self.engine.register(pipeline, variables)
        except StepwellError as error:
            print(f"warning: the pipeline in this folder is not served: {error.message}", file=sys.stderr)
            return []
        self.engine.functions.guard = ServedLeases(pipeline, variables, self.engine.hands.watch).guard
        self.pipeline = pipeline.name
        return [_row_of(pipeline, arn)]


def _row_of(pipeline: Pipeline, arn: str) -> FunctionRow:
    settings: dict[str, Any] = {
        "FunctionName": pipeline.name,
        "FunctionArn": arn,
        "Runtime": f"python3.{sys.version_info.minor}",
        "Role": ROLE,
        "Handler": HANDLER,
        "Timeout": round(max(task.timeout for task in pipeline.tasks)),
        "MemorySize": 1024,
        "Version": "$LATEST",
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
    }
    return FunctionRow(pipeline.name, LATEST, settings, str(Path(pipeline.root or ".").absolute()))


def _report(number: int, fault: Exception) -> None:
    print(f"execution number {number} has been put aside until the next start:", file=sys.stderr)
    traceback.print_exception(fault)
