"""A backfill under way: windows are started, resumed and watched, at most so many at the same time."""

import json
import time
from contextlib import ExitStack
from typing import Any

from stepwell.api.arns import ROLE, execution_arn, function_arn, machine_arn
from stepwell.cli.bars import Screen, bar
from stepwell.cli.local import Engine
from stepwell.cli.resume import go_on, refuse_living
from stepwell.cli.run import opened
from stepwell.cli.terminal import Terminal, count, duration
from stepwell.errors import ExecutionDoesNotExist, RunInProgress
from stepwell.operate.backfill import Window, run_name
from stepwell.operate.resume import latest_of_run
from stepwell.operate.runs import publish
from stepwell.pipeline.compile import compile_machine, to_json
from stepwell.pipeline.pipeline import Pipeline

DRAWN = 0.25  # seconds between two pictures
_SUCCEEDED = "SUCCEEDED"


class Filling:
    """`inputs`: the run's input for each window. `terminal` is None where nothing is to be shown."""

    def __init__(
        self,
        pipeline: Pipeline,
        prefix: str,
        inputs: dict[Window, dict[str, Any]],
        parallel: int,
        terminal: Terminal | None,
    ) -> None:
        self._pipeline, self._prefix, self._inputs, self._parallel = pipeline, prefix, inputs, parallel
        self._terminal = terminal
        self._waiting = list(inputs)
        self._running: dict[Window, str] = {}  # with the execution's ARN
        self._over: dict[Window, dict[str, Any]] = {}
        self._before = 0  # those that had succeeded already
        self._began = time.monotonic()
        self._drawn = 0.0

    @property
    def failures(self) -> list[Window]:
        return [window for window, run in self._over.items() if run["status"] != _SUCCEEDED]

    def run(self) -> bool:
        """To the end; True if Ctrl-C came before it. What was under way then is resumed by the next backfill."""
        definition = to_json(compile_machine(self._pipeline, function_arn(self._pipeline.name)))
        arn = machine_arn(self._pipeline.name)
        with ExitStack() as lasting:
            engine = lasting.enter_context(opened(self._pipeline))
            publish(engine.client, arn, self._pipeline.name, definition, ROLE)
            screen = lasting.enter_context(Screen(self._terminal)) if self._terminal and self._terminal.live else None
            interrupted = False
            try:
                self._loop(engine, screen)
            except KeyboardInterrupt:
                interrupted = True
            finally:
                self._draw(screen, last=True)
        self._conclude(interrupted)
        return interrupted

    def _loop(self, engine: Engine, screen: Screen | None) -> None:
        while self._waiting or self._running:
            while self._waiting and len(self._running) < self._parallel:
                self._begin(engine, self._waiting.pop(0))
            if self._running:
                engine.worker.run(lambda: self._look(engine, screen))
            for window, arn in list(self._running.items()):
                if not engine.worker.owns(engine.row(arn).id):
                    self._end(engine, window, arn)

    def _look(self, engine: Engine, screen: Screen | None) -> bool:
        """Whether one of the windows under way is over; a picture is drawn now and then."""
        if time.monotonic() - self._drawn > DRAWN:
            self._drawn = time.monotonic()
            self._draw(screen)
        return any(not engine.worker.owns(engine.row(arn).id) for arn in self._running.values())

    # One window

    def _begin(self, engine: Engine, window: Window) -> None:
        """Start it, go on with it, or find that it is done, or that somebody else does it."""
        found = self._found(engine, window)
        if found is not None and found["status"] == _SUCCEEDED:
            self._before += 1
            self._over[window] = found
            return
        try:
            if found is not None:
                refuse_living(engine, found)
            engine.leases.take(window.name)
        except RunInProgress as error:
            self._over[window] = {"name": run_name(self._prefix, window), "status": "ELSEWHERE", "why": error.message}
            self._tell(window)
            return
        self._running[window] = self._start(engine, window) if found is None else self._resumed(engine, found)

    def _found(self, engine: Engine, window: Window) -> dict[str, Any] | None:
        arn = execution_arn(machine_arn(self._pipeline.name), run_name(self._prefix, window))
        try:
            first = engine.client.describe_execution(executionArn=arn)
        except ExecutionDoesNotExist:
            return None
        return latest_of_run(engine.client, first)

    def _start(self, engine: Engine, window: Window) -> str:
        text = json.dumps(self._inputs[window] | {"stepwell": {"window": window.name}})
        request = {"stateMachineArn": machine_arn(self._pipeline.name), "name": run_name(self._prefix, window)}
        started: str = engine.client.start_execution(**request, input=text)["executionArn"]
        return started

    def _resumed(self, engine: Engine, found: dict[str, Any]) -> str:
        arn = go_on(engine, self._pipeline, found, None)
        assert arn is not None
        return arn

    def _end(self, engine: Engine, window: Window, arn: str) -> None:
        del self._running[window]
        self._over[window] = engine.client.describe_execution(executionArn=arn)
        engine.leases.give_back(window.name)
        self._tell(window)

    # What is shown

    def _tell(self, window: Window) -> None:
        """A line for each window, where no picture is drawn."""
        if self._terminal is not None and not self._terminal.live:
            self._terminal.line(self._line(window))

    def _line(self, window: Window) -> str:
        assert self._terminal is not None
        run = self._over[window]
        mark = self._terminal.green("✓") if run["status"] == _SUCCEEDED else self._terminal.red("✗")
        took = duration((run["stopDate"] - run["startDate"]).total_seconds()) if run.get("stopDate") else ""
        told = run.get("why") or (took if run["status"] == _SUCCEEDED else f"{run['status'].lower()}  {run['name']}")
        return f"  {mark} {window.name}  {told}"

    def _draw(self, screen: Screen | None, last: bool = False) -> None:
        if screen is None or self._terminal is None:
            return
        done = sum(run["status"] == _SUCCEEDED for run in self._over.values())
        whole = len(self._inputs)
        unicode = (self._terminal.stream.encoding or "").lower().startswith("utf")
        drawn = self._terminal.paint(bar(done / whole, 30, unicode), "green" if done == whole else "cyan")
        failed = self._terminal.red(f", {len(self.failures)} failed") if self.failures else ""
        lines = [f"  {drawn} {count(done)} of {count(whole)} windows{failed}   {self._left(done)}"]
        lines += [f"  {self._terminal.cyan('●')} {window.name}" for window in self._running]
        lines += [self._line(window) for window in self.failures]
        screen.draw(lines, last)

    def _left(self, done: int) -> str:
        new = done - self._before
        took = time.monotonic() - self._began
        left = len(self._waiting) + len(self._running)
        return f"about {duration(took / new * left)} left" if new and left else duration(took)

    def _conclude(self, interrupted: bool) -> None:
        if self._terminal is None:
            return
        done = len(self._over) - len(self.failures)
        before = f", {count(self._before)} of them before" if self._before else ""
        took = f"{'interrupted after' if interrupted else 'in'} {duration(time.monotonic() - self._began)}"
        self._terminal.line(f"{count(done)} of {count(len(self._inputs))} windows succeeded{before}, {took}")
        if interrupted or self.failures:
            self._terminal.line("The same command goes on with the others.")
        if self.failures:
            self._terminal.line("What happened in one of them:")
            self._terminal.line(f"  stepwell show {self._over[self.failures[0]]['name']}")

    def summary(self) -> dict[str, Any]:
        """The stable shape of `--json`."""
        told = []
        for window in self._inputs:
            run = self._over.get(window, {})
            ended = run.get("stopDate")
            seconds = (ended - run["startDate"]).total_seconds() if ended else None
            status = run.get("status", "INTERRUPTED" if window in self._running else "WAITING")
            told.append({"window": window.name, "run": run.get("name"), "status": status, "seconds": seconds})
        done = sum(each["status"] == _SUCCEEDED for each in told)
        return {"pipeline": self._pipeline.name, "windows": told, "succeeded": done, "before": self._before}
