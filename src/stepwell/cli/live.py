"""A run as it happens: a line for each task that has ended, and on a terminal the ones that are running."""

import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stepwell.cli.terminal import Terminal, count, duration
from stepwell.engine.events import RETRY, Event
from stepwell.engine.execution import Execution

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_LAMBDAS = ("START RequestId", "END RequestId", "REPORT RequestId")  # lines of a log stream that Lambda writes
_FRAME = 0.1  # seconds between two pictures of the spinner


class Running:
    """One task that is under way: since when, in which attempt, and what its last attempt has come to."""

    __slots__ = ("attempt", "error", "receipt", "since", "task")

    def __init__(self, task: str, since: int) -> None:
        self.task = task
        self.since = since  # milliseconds since 1970
        self.attempt = 0
        self.error: str | None = None
        self.receipt: dict[str, Any] | None = None


class Live:
    """Told of events as they are saved, and asked to draw itself while the worker has nothing to do."""

    def __init__(self, terminal: Terminal, width: int) -> None:
        self._terminal = terminal
        self._width = width  # of the longest task's name
        self._running: dict[int, Running] = {}  # by frame
        self._drawn = 0  # lines that the next picture replaces
        self._at = 0.0
        unicode = (sys.stdout.encoding or "").lower().startswith("utf")
        self._signs = (
            {"done": "✓", "failed": "✗", "again": "↻"} if unicode else {"done": "+", "failed": "x", "again": "~"}
        )
        self._spinner = _SPINNER if unicode else "|/-\\"

    def see(self, _execution: Execution, events: Iterable[Event]) -> None:
        for event in events:
            self._see(event)
        self._draw()

    def _see(self, event: Event) -> None:
        running = self._running.get(event.frame)
        if event.type == "TaskStateEntered":
            self._running[event.frame] = Running(event.name or "", event.time)
        elif running is None:
            return
        elif event.type.endswith("Scheduled"):
            running.attempt += 1
            running.task = _action(event) or running.task
        elif event.type.endswith("Succeeded"):
            running.receipt = _object(event)
        elif event.type.endswith(("Failed", "TimedOut")) and not event.type.startswith("Execution"):
            running.error = _error(event)
        elif event.type == RETRY:
            self._tell_retry(running, event)
        elif event.type in ("TaskStateExited", "TaskStateAborted"):
            self._tell_end(self._running.pop(event.frame), event)

    def _tell_end(self, running: Running, event: Event) -> None:
        took = duration((event.time - running.since) / 1000)
        paint = self._terminal
        if running.receipt is not None:
            sign, notes = paint.green(self._signs["done"]), _notes(running.receipt)
        else:
            sign, notes = paint.red(self._signs["failed"]), (running.error or "stopped").partition(":")[0]
        attempts = f"   {running.attempt} attempts" if running.attempt > 1 else ""
        self.tell(f"  {sign} {running.task:<{self._width}}  {took:>9}{attempts}   {paint.dim(notes)}".rstrip())

    def _tell_retry(self, running: Running, event: Event) -> None:
        paint = self._terminal
        wait = duration(max(0.0, (event.details or {})["due"] - event.time / 1000))
        text = f"attempt {running.attempt} failed: {running.error}; again in {wait}"
        self.tell(f"  {paint.yellow(self._signs['again'])} {running.task:<{self._width}}  {text}")

    def tell(self, text: str) -> None:
        """Print a line that stays."""
        self._erase()
        self._terminal.line(text)

    def tick(self) -> None:
        """Draw the tasks that are running, if it is time to."""
        if self._terminal.live and time.monotonic() - self._at >= _FRAME:
            self._draw()

    def close(self) -> None:
        self._erase()
        self._running.clear()

    def _draw(self) -> None:
        if not self._terminal.live:
            return
        self._erase()
        self._at = time.monotonic()
        sign = self._terminal.cyan(self._spinner[int(self._at / _FRAME) % len(self._spinner)])
        for running in self._running.values():
            took = duration(max(0.0, time.time() - running.since / 1000))
            self._terminal.line(f"  {sign} {running.task:<{self._width}}  {took:>9}")
        self._drawn = len(self._running)

    def _erase(self) -> None:
        if self._drawn:
            self._terminal.write(f"\033[{self._drawn}A\033[J")
            self._drawn = 0


class Tail:
    """What the tasks print, as it appears in their log streams; the lines about invocations are left out."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._read: dict[str, int] = {}  # how far, by stream
        self._rest: dict[str, bytes] = {}
        self._in_error: set[str] = set()  # streams in the middle of an error's message

    def lines(self, streams: Iterable[str]) -> list[str]:
        """What is new in these streams."""
        found: list[str] = []
        for stream in streams:
            found += [line for line in self._new(stream) if self._is_the_tasks(stream, line)]
        return found

    def _is_the_tasks(self, stream: str, line: str) -> bool:
        """How an invocation ends is shown in its own way; of an error only the traceback is left."""
        if line.startswith(_LAMBDAS):
            self._in_error.discard(stream)
            return False
        if line.startswith("[ERROR] "):
            self._in_error.add(stream)
        elif line.startswith("Traceback "):
            self._in_error.discard(stream)
        return stream not in self._in_error

    def skip(self, stream: str) -> None:
        """Begin at the end of what is there."""
        if stream not in self._read and (self._logs / stream).exists():
            self._read[stream] = os.path.getsize(self._logs / stream)

    def _new(self, stream: str) -> list[str]:
        try:
            with open(self._logs / stream, "rb") as file:
                file.seek(self._read.get(stream, 0))
                data = file.read()
        except OSError:
            return []
        self._read[stream] = self._read.get(stream, 0) + len(data)
        *whole, rest = (self._rest.get(stream, b"") + data).split(b"\n")
        self._rest[stream] = rest
        return [line.decode(errors="replace") for line in whole]


def _action(event: Event) -> str | None:
    value = event.payload.value if event.payload is not None else None
    return value.get("action") if isinstance(value, dict) else None


def _object(event: Event) -> dict[str, Any]:
    value = event.payload.value if event.payload is not None else None
    return value if isinstance(value, dict) else {}


def _error(event: Event) -> str:
    """Name and first line of a failure; the rest is for the end."""
    import json

    details = event.details or {}
    try:
        text = str(json.loads(details.get("cause") or "{}").get("errorMessage", ""))
    except (ValueError, AttributeError):
        text = details.get("cause") or ""
    first = text.strip().splitlines()[0] if text.strip() else ""
    return f"{details.get('error', 'failed')}: {first}" if first else str(details.get("error", "failed"))


def _notes(receipt: dict[str, Any]) -> str:
    notes = []
    if receipt.get("rows"):
        notes.append(f"{count(receipt['rows'])} row{'' if receipt['rows'] == 1 else 's'}")
    if "database" in receipt:
        notes.append(str(receipt["database"]))
    if receipt.get("repeated"):
        notes.append("done before: answered from its receipt")
    return "   ".join(notes)
