"""What the pages are made from, for one source: the list of runs, and the executions that are looked at."""

from collections import OrderedDict
from itertools import count
from threading import Lock
from typing import Any

from stepwell.errors import StepwellError
from stepwell.monitor.pipelines import History
from stepwell.monitor.runs import Run, Runs
from stepwell.monitor.source import Source
from stepwell.monitor.views import Shelf, fragments
from stepwell.monitor.watched import Watched
from stepwell.operate.runs import run_of

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
        self._known: dict[str, str] = {}  # the run of an execution, which stays the same
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
        if watched.status != "RUNNING":
            watched.later = self._later(watched)
        return watched

    def _later(self, watched: Watched) -> str:
        """Of the executions that are called as those of a resumed run are, the newest."""
        later = ""
        own = watched.execution["name"].removeprefix(watched.run).removeprefix("-")
        for number in count(int(own) + 1 if own.isdecimal() else 2):
            found = self.runs.find(watched.pipeline, f"{watched.run}-{number}")
            if found is None or self._run_of(found.arn) != watched.run:
                return later
            later = found.name
        return later

    def _run_of(self, arn: str) -> str:
        if arn not in self._known:
            self._known[arn] = run_of(self.source.client.describe_execution(executionArn=arn))
        return self._known[arn]


def news(watched: Watched, parts: dict[str, str], seen: int) -> dict[str, Any]:
    """What a page is told that knows all up to the version `seen`; chunks only where there are new ones."""
    chunks = {}
    for name, task in watched.tasks.items():
        delta = task.since(seen)
        if delta["n"]:
            chunks[name] = {"chunks": task.summary.chunks, **delta}
    return {"status": watched.status, "version": watched.version, "parts": parts, "chunks": chunks}


class News:
    """What has changed of one execution since the last look."""

    def __init__(self, desk: Desk, pipeline: str, name: str) -> None:
        self._desk = desk
        self._place = pipeline, name
        self._parts: dict[str, str] = {}
        self._seen = -1

    def __call__(self) -> dict[str, Any] | None:
        watched = self._desk.watched(*self._place)
        if watched.version == self._seen:
            return None
        parts = fragments(self._desk.source, watched)
        changed = {key: html for key, html in parts.items() if self._parts.get(key) != html}
        told = news(watched, changed, self._seen)
        self._parts, self._seen = parts, watched.version
        return told

    def missed(self, seen: int) -> dict[str, Any] | None:
        """For a page that was painted at the version `seen`, or has not listened since."""
        watched = self._desk.watched(*self._place)
        if watched.version == seen:
            return None
        return news(watched, fragments(self._desk.source, watched), seen if seen < watched.version else -1)
