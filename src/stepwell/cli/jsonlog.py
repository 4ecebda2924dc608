"""A run as it happens, for machines that collect logs: one JSON object a line, its fields always of the same names."""

import json
from datetime import UTC, datetime
from typing import Any

from stepwell.cli.live import Live, Running
from stepwell.cli.terminal import Terminal
from stepwell.engine.events import Event


class JsonLog(Live):
    """`time`, `level`, `event`, `pipeline`, `run`, and what belongs to the event."""

    def __init__(self, terminal: Terminal, pipeline: str, run: str) -> None:
        super().__init__(terminal, 0)
        self._about = {"pipeline": pipeline, "run": run}

    def write(self, event: str, at: float | None = None, level: str = "info", **fields: Any) -> None:
        when = datetime.now(UTC) if at is None else datetime.fromtimestamp(at / 1000, UTC)
        head = {"time": when.isoformat(timespec="milliseconds"), "level": level, "event": event}
        told = {key: value for key, value in fields.items() if value is not None}
        self._terminal.line(json.dumps(head | self._about | told, ensure_ascii=False, default=str))

    def said(self, line: str) -> None:
        self.write("log", message=line)

    def end(self, run: dict[str, Any]) -> None:
        good = run["status"] == "SUCCEEDED"
        told = {key: value for key, value in run.items() if key not in self._about}
        self.write("run_succeeded" if good else "run_failed", level="info" if good else "error", **told)

    def tick(self) -> None:
        pass

    def _draw(self) -> None:
        pass

    def _tell_end(self, running: Running, event: Event) -> None:
        good = running.receipt is not None
        name, _, message = (running.error or "").partition(": ")
        self.write(
            "task_succeeded" if good else "task_failed",
            at=event.time,
            level="info" if good else "error",
            task=running.task,
            attempts=running.attempt or None,
            seconds=(event.time - running.since) / 1000,
            rows=(running.receipt or {}).get("rows"),
            error=None if good else name or "stopped",
            message=None if good else message or None,
        )

    def _tell_retry(self, running: Running, event: Event) -> None:
        name, _, message = (running.error or "").partition(": ")
        due = (event.details or {})["due"]
        self.write(
            "task_retry",
            at=event.time,
            level="warning",
            task=running.task,
            attempt=running.attempt,
            phase=running.phase,
            error=name,
            message=message or None,
            again_in=round(max(0.0, due - event.time / 1000), 3),
        )
