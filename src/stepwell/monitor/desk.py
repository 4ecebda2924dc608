"""What the pages are made from, for one source: the list of runs, and the executions that are looked at."""

from collections import OrderedDict
from threading import Lock
from typing import Any

from stepwell.errors import StepwellError
from stepwell.monitor.pipelines import History
from stepwell.monitor.runs import Run, Runs
from stepwell.monitor.source import Source
from stepwell.monitor.views import Shelf, fragments
from stepwell.monitor.watched import Watched

_KEPT = 16  # executions whose events are kept in memory


class NotThere(StepwellError):
    """There is no such page."""

    status = 404


class Desk:
    """Threads may share it."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.runs = Runs(source)
        self.shelf = Shelf(source)
        self.history = History(source)
        self._watched: OrderedDict[str, Watched] = OrderedDict()
        self._lock = Lock()

    def run(self, pipeline: str, name: str) -> Run:
        """Looked for anew if it is not known: it may just have been started."""
        found = self.runs.find(pipeline, name)
        if found is None:
            self.runs.refresh()
            found = self.runs.find(pipeline, name)
        if found is None:
            raise NotThere(f"There is no run {name!r} of a pipeline {pipeline!r}.")
        return found

    def watched(self, pipeline: str, name: str) -> Watched:
        """The execution, read up to now."""
        arn = self.run(pipeline, name).arn
        with self._lock:
            watched = self._watched.setdefault(arn, Watched(self.source, arn))
            self._watched.move_to_end(arn)
            while len(self._watched) > _KEPT:
                self._watched.popitem(last=False)
        watched.refresh()
        return watched


class News:
    """What has changed of one execution since the last look: parts of its page, and chunks."""

    def __init__(self, desk: Desk, pipeline: str, name: str) -> None:
        self._desk = desk
        self._pipeline = pipeline
        self._name = name
        self._parts: dict[str, str] = {}
        self._seen = -1

    def __call__(self) -> dict[str, Any] | None:
        watched = self._desk.watched(self._pipeline, self._name)
        if self._parts and watched.version == self._seen:
            return None
        self._seen = watched.version
        parts = fragments(self._desk.source, watched)
        changed = {key: html for key, html in parts.items() if self._parts.get(key) != html}
        self._parts = parts
        return {"status": watched.status, "version": watched.version, "parts": changed, "chunks": self._chunks(watched)}

    def _chunks(self, watched: Watched) -> dict[str, Any]:
        """The chunks that are new, and for a page that does not know the task yet, how many it has."""
        return {task: {"chunks": watched.tasks[task].summary.chunks, **delta} for task, delta in watched.deltas.items()}
