"""The leases of a process's runs, where their pipeline has a database: opened while the function's process starts."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Thread
from types import TracebackType
from typing import TYPE_CHECKING

from stepwell.api.arns import function_arn
from stepwell.errors import ConfigurationError, DatabaseUnavailable, RunInProgress, SecretUnavailable, StepwellError
from stepwell.pipeline.invocation import Invocation
from stepwell.pipeline.pipeline import Pipeline
from stepwell.pipeline.settings import Setting, value_of
from stepwell.resources.function import Response

if TYPE_CHECKING:
    from stepwell.etl.turns import Turns


class Leases:
    """Without a database, or where it is out of reach, there are none: then the run itself says so.

    Importing the driver and connecting takes longer than all else that a run has to start, so a thread does it.
    """

    def __init__(self, pipeline: Pipeline, variables: dict[str, str]) -> None:
        """`variables` are those that the pipeline's function gets and this process lacks."""
        self._pipeline, self._variables = pipeline, variables
        self._turns: Turns | None = None
        self._thread = Thread(target=self._open, name="stepwell lease", daemon=True)
        if pipeline.needs_database:
            self._thread.start()

    @contextmanager
    def held(self, window: str) -> Iterator[None]:
        """RunInProgress while another process runs the pipeline for this window."""
        self.take(window)
        try:
            yield
        finally:
            self.give_back(window)

    def take(self, window: str) -> None:
        self._wait()
        if self._turns is not None:
            with suppress(DatabaseUnavailable):
                self._turns.take(window)

    def give_back(self, window: str) -> None:
        if self._turns is not None:
            with suppress(DatabaseUnavailable):  # with the session the lease has gone, too
                self._turns.give_back(window)

    def _wait(self) -> None:
        if self._pipeline.needs_database:
            self._thread.join()

    def _open(self) -> None:
        self._turns = _opened(self._pipeline, self._variables)

    def __enter__(self) -> "Leases":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wait()
        if self._turns is not None:
            self._turns.close()


class ServedLeases:
    """Those of the executions that a server drives: each is taken at its first call, and given back at its end.

    `watch(arn, tell)` tells of the end of an execution. A connection is as old as its execution, so that a server
    outlives its database.
    """

    def __init__(
        self, pipeline: Pipeline, variables: dict[str, str], watch: Callable[[str, Callable[[], None]], None]
    ) -> None:
        self._pipeline, self._variables, self._watch = pipeline, variables, watch
        self._function = function_arn(pipeline.name)
        self._lock = Lock()
        self._held: dict[str, Turns] = {}  # by execution

    def guard(self, function: str, event: str) -> Response | None:
        """On AWS it is the function that refuses to work for a second run; here its answer."""
        if function != self._function or not self._pipeline.needs_database:
            return None
        try:
            call = Invocation(json.loads(event), None, "")
            if call.state:
                self._take(call)
        except RunInProgress as error:
            told = {"errorMessage": error.message, "errorType": "RunInProgress", "stackTrace": []}
            return Response(None, "RunInProgress", json.dumps(told, ensure_ascii=False))
        except (ValueError, StepwellError):
            pass  # the function says so itself
        return None

    def _take(self, call: Invocation) -> None:
        with self._lock:
            turns = None if call.execution in self._held else _opened(self._pipeline, self._variables)
            if turns is None:
                return
            try:
                turns.take(call.window)
            except BaseException:
                turns.close()
                raise
            self._held[call.execution] = turns
        self._watch(call.execution, lambda: self._held.pop(call.execution).close())


def _opened(pipeline: Pipeline, variables: dict[str, str]) -> "Turns | None":
    from stepwell.etl.turns import Turns

    setting = pipeline.database
    known = variables.get(setting.name) if isinstance(setting, Setting) else None
    holder = f"stepwell lease of {pipeline.name}, process {os.getpid()} on {socket.gethostname()}"
    try:
        url = known or value_of(setting, f"pipeline {pipeline.name!r}")
        return Turns(url, pipeline.name, holder)
    except (ConfigurationError, DatabaseUnavailable, SecretUnavailable):
        return None
