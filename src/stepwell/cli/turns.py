"""The leases of a process's runs, where their pipeline has a database: opened while the function's process starts."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from types import TracebackType
from typing import TYPE_CHECKING

from stepwell.errors import ConfigurationError, DatabaseUnavailable, SecretUnavailable
from stepwell.pipeline.pipeline import Pipeline
from stepwell.pipeline.settings import Setting, value_of

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
            self._turns.take(window)

    def give_back(self, window: str) -> None:
        if self._turns is not None:
            self._turns.give_back(window)

    def _wait(self) -> None:
        if self._pipeline.needs_database:
            self._thread.join()

    def _open(self) -> None:
        from stepwell.etl.turns import Turns

        setting = self._pipeline.database
        known = self._variables.get(setting.name) if isinstance(setting, Setting) else None
        holder = f"stepwell lease of {self._pipeline.name}, process {os.getpid()} on {socket.gethostname()}"
        try:
            url = known or value_of(setting, f"pipeline {self._pipeline.name!r}")
            self._turns = Turns(url, self._pipeline.name, holder)
        except (ConfigurationError, DatabaseUnavailable, SecretUnavailable):
            return

    def __enter__(self) -> "Leases":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wait()
        if self._turns is not None:
            self._turns.close()
