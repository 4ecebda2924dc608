"""How far a task in chunks is, in one line: a bar, percent, rows, rows a second of late, the time left."""

import time
from collections import deque

from stepwell.cli.terminal import Terminal, count, duration
from stepwell.errors import ProgressUnavailable
from stepwell.progress import Progress, Summary

_REST = 1.0  # seconds between two looks: ten thousand chunks are counted each time
_WINDOW = 20  # looks that the present speed is measured by
_WIDE = 24
_LEAST = ("lanes", "bar", "rows", "speed", "left", "chunks")  # what is left out first where there is no room


class Far:
    """`far(task, room)` is the line, as far as is known and as there is room; asked as often as one likes."""

    def __init__(self, terminal: Terminal, progress: Progress, pipeline: str, run: str) -> None:
        self._terminal = terminal
        self._progress = progress
        self._key = pipeline, run
        self._looks: dict[str, deque[tuple[float, Summary]]] = {}
        self._at: dict[str, float] = {}

    def __call__(self, task: str, room: int) -> str:
        looks = self._looks.setdefault(task, deque(maxlen=_WINDOW))
        now = time.monotonic()
        if now - self._at.get(task, -_REST) >= _REST:
            self._at[task] = now
            try:
                told = self._progress.summary(*self._key, task)
            except ProgressUnavailable:
                told = None
            if told is not None:
                looks.append((now, told))
        return _fitting(self._parts(looks), room) if looks else ""

    def _parts(self, looks: "deque[tuple[float, Summary]]") -> dict[str, str]:
        (then, first), (now, last) = looks[0], looks[-1]
        failed = f", {count(last.failed)} failed" if last.failed else ""
        fraction = min(1.0, last.done / last.chunks) if last.chunks else 1.0
        parts = {
            "bar": self._bar(fraction),
            "percent": f"{int(fraction * 100):>3} %",
            "chunks": f"{count(last.done)} of {count(last.chunks)} chunks{failed}",
            "rows": f"{count(last.rows)} rows",
            "lanes": f"{last.lanes} lane{'' if last.lanes == 1 else 's'}",
        }
        seconds, done = now - then, last.done - first.done
        if seconds > 0 and done > 0:
            parts["speed"] = f"{count(round((last.rows - first.rows) / seconds))} rows/s"
            parts["left"] = f"about {duration((last.chunks - last.done) * seconds / done)} left"
        return parts

    def _bar(self, fraction: float) -> str:
        from stepwell.cli.bars import bar

        unicode = (self._terminal.stream.encoding or "").lower().startswith("utf")
        return bar(fraction, _WIDE, unicode)


def _fitting(parts: dict[str, str], room: int) -> str:
    """The parts that there is room for; a line that is longer than the terminal could not be drawn over."""
    for least in _LEAST:
        if len("   ".join(parts.values())) <= room:
            break
        parts.pop(least, None)
    return "   ".join(parts.values())[:room]
