"""How far a task in chunks is, in one line: a bar, percent, rows, rows a second of late, the time left."""

import time
from collections import deque

from stepwell.cli.terminal import Terminal, count, duration
from stepwell.errors import ProgressUnavailable
from stepwell.progress import Progress, Summary

_REST = 1.0  # seconds between two looks: ten thousand chunks are counted each time
_WINDOW = 20  # looks that the present speed is measured by
_WIDE = 24


class Far:
    """`far(task)` is the line, as far as is known; asked as often as one likes."""

    def __init__(self, terminal: Terminal, progress: Progress, pipeline: str, run: str) -> None:
        self._terminal = terminal
        self._progress = progress
        self._key = pipeline, run
        self._looks: dict[str, deque[tuple[float, Summary]]] = {}
        self._at: dict[str, float] = {}

    def __call__(self, task: str) -> str:
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
        return self._line(looks) if looks else ""

    def _line(self, looks: "deque[tuple[float, Summary]]") -> str:
        (then, first), (now, last) = looks[0], looks[-1]
        failed = f", {count(last.failed)} failed" if last.failed else ""
        parts = [f"{count(last.done)} of {count(last.chunks)} chunks{failed}", f"{count(last.rows)} rows"]
        parts.append(f"{last.lanes} lane{'' if last.lanes == 1 else 's'}")
        seconds, done = now - then, last.done - first.done
        if seconds > 0 and done > 0:
            parts.append(f"{count(round((last.rows - first.rows) / seconds))} rows/s")
            parts.append(f"about {duration((last.chunks - last.done) * seconds / done)} left")
        return "   ".join([self._bar(last), *parts])

    def _bar(self, told: Summary) -> str:
        from stepwell.cli.bars import bar

        fraction = min(1.0, told.done / told.chunks) if told.chunks else 1.0
        unicode = (self._terminal.stream.encoding or "").lower().startswith("utf")
        return f"{bar(fraction, _WIDE, unicode)} {int(fraction * 100):>3} %"
