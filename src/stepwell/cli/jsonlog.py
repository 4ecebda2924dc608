"""A run as it happens, for machines that collect logs: one JSON object a line, its fields always of the same names."""

import json
from datetime import UTC, datetime
from typing import Any

from stepwell.cli.live import Live, Running
from stepwell.cli.terminal import Terminal
from stepwell.engine.events import Event


class JsonLines:
    """`time`, `level`, `event`, `pipeline`, `run`, and what belongs to the event. A failure is "name: message"."""

    def __init__(self, terminal: Terminal, pipeline: str, run: str) -> None:
        self._terminal = terminal
        self._about = {"pipeline": pipeline, "run": run}

    def write(self, event: str, at: datetime | None = None, level: str = "info", **fields: Any) -> None:
        when = (at or datetime.now(UTC)).astimezone(UTC)
        head = {"time": when.isoformat(timespec="milliseconds"), "level": level, "event": event}
        told = {key: value for key, value in fields.items() if value is not None}
        self._terminal.line(json.dumps(head | self._about | told, ensure_ascii=False, default=str))

    def said(self, line: str) -> None:
        self.write("log", message=line)

    def done(self, at: datetime, task: str, attempts: int, seconds: float, rows: int | None) -> None:
        self.write("task_succeeded", at, task=task, attempts=attempts or None, seconds=seconds, rows=rows)

    def failed(self, at: datetime, task: str, attempts: int, seconds: float, failure: str | None) -> None:
        told = {"task": task, "attempts": attempts or None, "seconds": seconds}
        self.write("task_failed", at, "error", **told, **_failure(failure or "stopped"))

    def again(self, at: datetime, task: str, attempt: int, phase: str | None, wait: float, failure: str) -> None:
        told = {"task": task, "attempt": attempt, "phase": phase} | _failure(failure)
        self.write("task_retry", at, "warning", **told, again_in=round(max(0.0, wait), 3))

    def end(self, run: dict[str, Any]) -> None:
        good = run["status"] == "SUCCEEDED"
        told = {key: value for key, value in run.items() if key not in self._about}
        self.write("run_succeeded" if good else "run_failed", level="info" if good else "error", **told)


class JsonLog(Live):
    """The same of a run on this machine, from its events."""

    def __init__(self, terminal: Terminal, lines: JsonLines) -> None:
        super().__init__(terminal, 0)
        self._lines = lines

    def said(self, line: str) -> None:
        self._lines.said(line)

    def end(self, run: dict[str, Any]) -> None:
        self._lines.end(run)

    def tick(self) -> None:
        pass

    def _draw(self) -> None:
        pass

    def _tell_end(self, running: Running, event: Event) -> None:
        told = _moment(event), running.task, running.attempt, (event.time - running.since) / 1000
        if running.receipt is not None:
            self._lines.done(*told, running.receipt.get("rows"))
        else:
            self._lines.failed(*told, running.error)

    def _tell_retry(self, running: Running, event: Event) -> None:
        wait = (event.details or {})["due"] - event.time / 1000
        told = running.task, running.attempt, running.phase, wait, running.error or ""
        self._lines.again(_moment(event), *told)


def _failure(text: str) -> dict[str, str | None]:
    name, _, message = text.partition(": ")
    return {"error": name, "message": message or None}


def _moment(event: Event) -> datetime:
    return datetime.fromtimestamp(event.time / 1000, UTC)
