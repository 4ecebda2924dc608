"""A run as it happens: a line for each task that has ended, and on a terminal the ones that are running."""

import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from stepwell.cli.streams import Said
from stepwell.cli.terminal import Terminal, count, duration
from stepwell.engine.events import RETRY, Event
from stepwell.engine.execution import Execution
from stepwell.pipeline.names import VALIDATE, state_name

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_AROUND = ("Execution", "Map", "Parallel")  # their failures only follow from that of a call
_FRAME = 0.1  # seconds between two pictures of the spinner


class Running:
    """One task that is under way: since when, in which attempt, and what its last attempt has come to.

    A `phase` is a call for a part of a task in chunks; the task itself is `parts`, how many of its calls are under way.
    """

    __slots__ = ("attempt", "error", "parts", "phase", "receipt", "since", "task")

    def __init__(self, task: str, since: int) -> None:
        self.task = task
        self.since = since  # milliseconds since 1970
        self.attempt = 0
        self.error: str | None = None
        self.receipt: dict[str, Any] | None = None
        self.phase: str | None = None
        self.parts = 0


class Live:
    """Told of events as they are saved, and asked to draw itself while the worker has nothing to do."""

    def __init__(self, terminal: Terminal, width: int, chunks: Callable[[str, int], str] = lambda *_: "") -> None:
        """`width` is that of the longest task's name; `chunks` tells how far a task in chunks is, in a width."""
        self._terminal = terminal
        self._chunks = chunks
        self._width = width
        self._running: dict[int, Running] = {}  # by frame
        self._wholes: dict[str, Running] = {}  # tasks in chunks, by state
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
        running = self._running.get(event.frame) or self._taken_up(event)
        if event.type == "ParallelStateExited" and event.name in self._wholes:
            self._tell_end(self._wholes.pop(event.name), event)
        elif event.type == "TaskStateEntered":
            self._running[event.frame] = Running(event.name or "", event.time)
        elif running is None:
            return
        elif event.type.endswith("Scheduled"):
            running.attempt += 1
            running.task = _asked(event, "action") or running.task
            running.phase = _asked(event, "phase")
            self._join(running)
        elif event.type.endswith("Succeeded"):
            running.receipt = _object(event)
        elif event.type.endswith(("Failed", "TimedOut")) and not event.type.startswith(_AROUND):
            running.error = _error(event)
            if running.phase is not None:  # a part's failure may be the last that is heard of the whole
                self._wholes[state_name(running.task)].error = running.error
        elif event.type == RETRY:
            self._tell_retry(running, event)
        elif event.type in ("TaskStateExited", "TaskStateAborted"):
            ended = self._running.pop(event.frame)
            if ended.phase is None:
                self._tell_end(ended, event)
            else:
                self._leave(ended)

    def _taken_up(self, event: Event) -> Running | None:
        """A task that was entered before anyone looked, when its run goes on in place."""
        if not event.type.endswith("Scheduled") or not (task := _asked(event, "action")):
            return None
        return self._running.setdefault(event.frame, Running(task, event.time))

    def _join(self, part: Running) -> None:
        """A call for a part of a task in chunks: the whole task is what is shown."""
        if part.phase is not None and part.attempt == 1:
            self._wholes.setdefault(state_name(part.task), Running(part.task, part.since)).parts += 1

    def _leave(self, part: Running) -> None:
        whole = self._wholes[state_name(part.task)]
        whole.parts -= 1
        if part.phase == "reconcile":
            whole.receipt = part.receipt

    def _tell_end(self, running: Running, event: Event) -> None:
        took = duration((event.time - running.since) / 1000)
        paint = self._terminal
        if running.receipt is not None:
            sign, said = paint.green(self._signs["done"]), notes(running.receipt)
        else:
            sign, said = paint.red(self._signs["failed"]), (running.error or "stopped").partition(":")[0]
        attempts = f"   {running.attempt} attempts" if running.attempt > 1 else ""
        self.tell(f"  {sign} {running.task:<{self._width}}  {took:>9}{attempts}   {paint.dim(said)}".rstrip())

    def _tell_retry(self, running: Running, event: Event) -> None:
        paint = self._terminal
        wait = duration(max(0.0, (event.details or {})["due"] - event.time / 1000))
        what = f"attempt {running.attempt} of a {running.phase}" if running.phase else f"attempt {running.attempt}"
        text = f"{what} failed: {running.error}; again in {wait}"
        self.tell(f"  {paint.yellow(self._signs['again'])} {running.task:<{self._width}}  {text}")

    def tell(self, text: str) -> None:
        """Print a line that stays."""
        self._erase()
        self._terminal.line(text)

    def said(self, line: str) -> None:
        """A line that a task has printed."""
        self.tell(self._terminal.dim(f"    │ {line}"))

    def tick(self) -> None:
        """Draw the tasks that are running, if it is time to."""
        if self._terminal.live and time.monotonic() - self._at >= _FRAME:
            self._draw()

    def end(self, run: dict[str, Any]) -> None:
        """The run has ended: its summary. People are told by whoever watches."""

    def close(self) -> None:
        self._erase()
        self._running.clear()
        self._wholes.clear()

    def _draw(self) -> None:
        if not self._terminal.live:
            return
        self._erase()
        self._at = time.monotonic()
        sign = self._terminal.cyan(self._spinner[int(self._at / _FRAME) % len(self._spinner)])
        shown = [*self._wholes.values(), *(each for each in self._running.values() if each.phase is None)]
        room = self._terminal.width() - len("  ⠋ ") - 1  # what is longer than a line could not be erased
        for running in shown:
            took = duration(max(0.0, time.time() - running.since / 1000))
            head = f"{running.task:<{self._width}}  {took:>9}   "[:room]
            far = self._chunks(running.task, room - len(head)) if running.parts else ""
            self._terminal.line(f"  {sign} {head}{self._terminal.dim(far)}".rstrip())
        self._drawn = len(shown)

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
        self._said: dict[str, Said] = {}

    def lines(self, streams: Iterable[str]) -> list[str]:
        """What is new in these streams."""
        found: list[str] = []
        for stream in streams:
            said = self._said.setdefault(stream, Said())
            found += [line for line in self._new(stream) if said(line)]
        return found

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


def _asked(event: Event, key: str) -> str | None:
    """What a pipeline's function was asked for."""
    value = event.payload.value if event.payload is not None else None
    return value.get(key) if isinstance(value, dict) else None


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
    return blamed(str(details.get("error", "failed")), text)


def blamed(error: str, message: str) -> str:
    """The error with the first line of its message."""
    first = next(iter(message.strip().splitlines()), "").rstrip(":")
    return f"{error}: {first}" if first else error


def notes(receipt: dict[str, Any]) -> str:
    parts = [str(receipt["database"])] if "database" in receipt else []
    if receipt.get("rows") is not None and receipt.get("task") != VALIDATE:  # which works on none
        parts.append(f"{count(receipt['rows'])} row{'' if receipt['rows'] == 1 else 's'}")
    if "lanes" in receipt:
        lanes = f"{receipt['lanes']} lane{'' if receipt['lanes'] == 1 else 's'}"
        parts.append(f"{count(receipt['chunks'])} chunks, {lanes}")
    if receipt.get("repeated"):
        parts.append("done before: answered from its receipt")
    return "   ".join(parts)
