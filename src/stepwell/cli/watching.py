"""What the monitor reads from and acts through on this machine: journal, log files, and the commands themselves."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from stepwell.cli.forecast import forecasts_of
from stepwell.cli.local import Reader, home, progress_url
from stepwell.cli.streams import lines_of
from stepwell.errors import StepwellError, UsageError
from stepwell.insight.forecast import Forecast, History, by_time
from stepwell.monitor.source import Execution, Source
from stepwell.operate.resume import latest_of_run
from stepwell.pipeline.find import find_pipeline
from stepwell.pipeline.pipeline import Pipeline
from stepwell.progress import open_progress

_PATIENCE = 15  # seconds until a command that was started must have begun its run, or have failed
_PAUSE = 0.05


@contextmanager
def local_source() -> Iterator[Source]:
    """The runs of this folder. A journal is made where there is none: somebody is waiting for the first run."""
    with Reader(home()) as reader:
        progress = open_progress(progress_url(home()))
        hands = _Hands(reader)
        try:
            yield Source(
                client=reader.client,
                progress=progress,
                place=str(Path.cwd().name),
                status=reader.status_of,
                logs=lambda arn, _, attempt: lines_of(reader, arn, attempt.event),
                resume=hands.resume,
                stop=hands.stop,
                schedule=_schedule,
                forecast=forecast_of,
                code=reader.code,
            )
        finally:
            progress.close()


def _schedule(pipeline: str) -> str | None:
    """When the pipeline in this folder runs by itself."""
    found = _here(pipeline)
    when = None if found is None else found.schedule
    return None if when is None else f"{when.expression} {when.timezone}"


def forecast_of(pipeline: str, history: History) -> list[Forecast]:
    """As the command tells it; of a pipeline that is not in this folder what is known without it."""
    found = _here(pipeline)
    return by_time(history) if found is None else forecasts_of(found, history)


def _here(pipeline: str) -> Pipeline | None:
    """The pipeline in this folder; None where it is another, or cannot be read just now."""
    try:
        found = find_pipeline()
    except StepwellError:
        return None
    return found if found.name == pipeline else None


class _Hands:
    """The verbs, done by the commands in processes of their own: a run does not end with the monitor."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def resume(self, execution: Execution, task: str | None) -> str:
        client = self._reader.client
        before = latest_of_run(client, execution)
        process, said = _started("resume", execution["executionArn"], *(["--from", task] if task else []))
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            now = latest_of_run(client, execution)
            code = process.poll()
            if self._goes_on(before, now):
                return str(now["executionArn"])
            if code is not None:
                _refuse(said, code)
                return str(now["executionArn"])
            time.sleep(_PAUSE)
        raise UsageError(f"`stepwell resume {execution['name']}` has not begun within {_PATIENCE} s")

    def _goes_on(self, before: Execution, now: Execution) -> bool:
        if now["executionArn"] != before["executionArn"] or now["redriveCount"] != before["redriveCount"]:
            return True
        return before["status"] == "RUNNING" and self._reader.status_of(now) == "RUNNING"

    def stop(self, execution: Execution) -> None:
        process, said = _started("stop", execution["executionArn"])
        _refuse(said, process.wait(_PATIENCE))


def _started(*words: str) -> tuple["subprocess.Popen[bytes]", IO[bytes]]:
    """A process, and what it says when it refuses; in its own session, since Ctrl-C is to end the monitor alone."""
    said = TemporaryFile()  # noqa: SIM115  closed with the process that reads it
    command = [sys.executable, "-m", "stepwell.cli.main", *words]
    silent = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=silent, stdout=silent, stderr=said, start_new_session=True), said


def _refuse(said: IO[bytes], code: int) -> None:
    """Raise what the command said, where it did not do what it should; a run that failed again is no refusal."""
    said.seek(0)
    text = said.read().decode(errors="replace").strip()
    if code and text:
        raise UsageError(text.removeprefix("error: "))
