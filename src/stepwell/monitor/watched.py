"""One execution, followed: its events are read once, its story and the chunks of its tasks grow with them."""

import json
import time
from threading import Lock
from typing import Any

from stepwell.errors import ProgressUnavailable
from stepwell.insight.drawing import Look
from stepwell.insight.layout import Picture, layout
from stepwell.insight.looks import looks
from stepwell.insight.story import Reading, Story
from stepwell.monitor.source import Execution, Source
from stepwell.operate.paging import items
from stepwell.operate.runs import run_of
from stepwell.progress import ChunkState, Summary
from stepwell.progress.pace import pace

PAGE = 1000
NONE, RUNNING, DONE, FAILED = 0, 1, 2, 3  # how a chunk's state is written for a page
_CODES = {"running": RUNNING, "done": DONE, "failed": FAILED}
Delta = dict[str, list[Any]]


class Chunked:
    """A task in chunks: its pace, its chunks by number, and at which version of the whole each has changed last."""

    def __init__(self, summary: Summary) -> None:
        self.summary = summary
        self.pace = pace(summary, (), time.time())
        self.chunks: dict[int, ChunkState] = {}
        self._changed: dict[int, int] = {}

    def take(self, summary: Summary, chunks: list[ChunkState], version: int) -> None:
        if summary.started_at != self.summary.started_at:
            self.chunks, self._changed = {}, {}
        for chunk in chunks:
            if self.chunks.get(chunk.chunk) != chunk:
                self.chunks[chunk.chunk] = chunk
                self._changed[chunk.chunk] = version
        self.summary = summary
        self.pace = pace(summary, chunks, time.time())

    def since(self, version: int) -> Delta:
        """The chunks that have changed after this version, as columns."""
        return columns([self.chunks[number] for number, at in self._changed.items() if at > version])


def columns(chunks: list[ChunkState]) -> Delta:
    return {
        "n": [chunk.chunk for chunk in chunks],
        "s": [_CODES.get(chunk.state, NONE) for chunk in chunks],
        "ms": [chunk.ms for chunk in chunks],
        "rows": [chunk.rows for chunk in chunks],
        "lane": [chunk.lane for chunk in chunks],
        "at": [chunk.attempts for chunk in chunks],
    }


class Watched:
    """Threads may share it; `version` changes when something new was read."""

    def __init__(self, source: Source, arn: str) -> None:
        self._source = source
        self._lock = Lock()
        self._reading = Reading()
        self.arn = arn
        self.execution: Execution = {}
        self.events: list[dict[str, Any]] = []
        self.tasks: dict[str, Chunked] = {}
        self.progress_error = ""
        self.status = ""
        self.later = ""  # the name of the execution that has gone on with the run, if there is one
        self.version = int(time.time() * 10)  # no page has seen a later one, also not of a monitor before this
        self._definition: dict[str, Any] | None = None
        self._picture: Picture | None = None

    @property
    def story(self) -> Story:
        return self._reading.story

    @property
    def run(self) -> str:
        return run_of(self.execution)

    @property
    def pipeline(self) -> str:
        name: str = self.execution["stateMachineArn"].rpartition(":")[2]
        return name

    @property
    def definition(self) -> dict[str, Any]:
        if self._definition is None:
            answer = self._source.client.describe_state_machine_for_execution(executionArn=self.arn)
            self._definition = json.loads(answer["definition"])
        return self._definition

    @property
    def picture(self) -> Picture:
        """The main line: what a Fail state has to say is told by the card."""
        if self._picture is None:
            self._picture = layout(self.definition)
        return self._picture

    def looks(self) -> dict[str, Look]:
        return looks(self.story, self.status)

    def refresh(self) -> bool:
        """Read what is new; whether there is anything. An execution that is over is read once more, then never."""
        with self._lock:
            was = self.status
            if was and was not in ("RUNNING", "INTERRUPTED") and not self._redriven():
                return False
            self.execution = self._source.client.describe_execution(executionArn=self.arn)
            self.status = self._source.status(self.execution)
            changed = self._read_events() or self.status != was
            changed |= self._read_chunks()
            self.version += changed
            return changed

    def _redriven(self) -> bool:
        found = self._source.client.describe_execution(executionArn=self.arn)
        return bool(
            found["status"] != self.execution["status"]
            or found.get("redriveCount") != self.execution.get("redriveCount")
        )

    def _read_events(self) -> bool:
        history = self._source.client.get_execution_history
        last = self.events[-1]["id"] if self.events else 0
        if not last:
            new = list(items(history, "events", executionArn=self.arn, maxResults=PAGE))
        else:
            new = []
            for event in items(history, "events", executionArn=self.arn, maxResults=100, reverseOrder=True):
                if event["id"] <= last:
                    break
                new.append(event)
            new.reverse()
        for event in new:
            self._reading.read(event)
        self.events += new
        return bool(new)

    def _read_chunks(self) -> bool:
        changed = False
        try:
            plans = self._source.progress.summaries(self.pipeline.partition("-only-")[0], self.run)
            for plan in sorted(plans, key=lambda plan: plan.started_at):
                changed |= self._read_task(plan)
            self.progress_error = ""
        except ProgressUnavailable as error:
            self.progress_error = error.message
        return changed

    def _read_task(self, plan: Summary) -> bool:
        """Whether the task has gone on since the last look."""
        task = self.tasks.get(plan.task)
        if task is not None and task.summary == plan:
            return False
        if task is None:
            task = self.tasks[plan.task] = Chunked(plan)
        task.take(plan, self._source.progress.chunks(plan.pipeline, plan.run, plan.task), self.version + 1)
        return True
