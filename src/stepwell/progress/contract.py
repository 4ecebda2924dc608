"""The contract of progress: what is told of a task that runs in chunks, and what a store of it promises.

A store mirrors the ledger in the target database and never decides anything. What it lacks or has wrong, because a
batch was lost or a process died, is mended by `rebuild` from the ledger.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

PLANNED, RUNNING, DONE, FAILED = "planned", "running", "done", "failed"


class ChunkState(NamedTuple):
    """What a chunk has come to.

    `state` is planned, done or failed; `rows` it has changed; `ms` its share of the time that its lot took; `attempts`
    counted from 1; `lane` who did it; `finished_at` seconds since 1970 by the clock of the ledger, to the millisecond.
    """

    run: str
    pipeline: str
    task: str
    chunk: int
    state: str
    rows: int = 0
    ms: int = 0
    attempts: int = 0
    lane: int | None = None
    error: str | None = None
    finished_at: float | None = None

    @property
    def version(self) -> tuple[int, int]:
        """Of two states of a chunk the one with the greater version is the newer one."""
        return self.attempts, milliseconds(self.finished_at)


class Summary(NamedTuple):
    """A task in chunks as a whole.

    `state` is running, done or failed; `lanes` how many it was planned for; `rows` changed so far, `rows_planned` of
    the driving table. `started_at` is when it was planned, and names the plan: a later one is another plan.
    """

    pipeline: str
    run: str
    task: str
    chunks: int
    done: int
    failed: int
    rows: int
    rows_planned: int
    started_at: float
    updated_at: float
    lanes: int
    state: str


class Progress(Protocol):
    """Several processes write to a store at once, in any order, with duplicates.

    What writes never raises: it answers whether all was written, and tells stderr why not. What reads raises
    ProgressUnavailable.
    """

    def plan(self, summary: Summary) -> bool:
        """A task begins or goes on. A newer plan than the stored one removes what was recorded before; an older one,
        and an older `updated_at` of the same plan, change nothing."""
        ...

    def record(self, states: Sequence[ChunkState]) -> bool:
        """These chunks have come to this. A state never replaces one of the same or a greater version."""
        ...

    def rebuild(self, summary: Summary, states: Sequence[ChunkState]) -> bool:
        """Make it equal to the ledger, whatever is there. It writes only what differs where writing is dear."""
        ...

    def summary(self, pipeline: str, run: str, task: str) -> Summary | None:
        """With the counts of the chunks as they are recorded; None where no plan was told."""
        ...

    def summaries(self, pipeline: str | None = None, run: str | None = None) -> list[Summary]:
        """All, or those of a pipeline, of a run, of both; the newest plan first."""
        ...

    def chunks(self, pipeline: str, run: str, task: str) -> list[ChunkState]:
        """What was recorded, in the order of the chunks."""
        ...

    def close(self) -> None: ...


class NoProgress:
    """Where nobody wants to know."""

    def plan(self, summary: Summary) -> bool:
        return True

    def record(self, states: Sequence[ChunkState]) -> bool:
        return True

    def rebuild(self, summary: Summary, states: Sequence[ChunkState]) -> bool:
        return True

    def summary(self, pipeline: str, run: str, task: str) -> Summary | None:
        return None

    def summaries(self, pipeline: str | None = None, run: str | None = None) -> list[Summary]:
        return []

    def chunks(self, pipeline: str, run: str, task: str) -> list[ChunkState]:
        return []

    def close(self) -> None:
        pass


def tally(plan: Summary, states: Iterable[ChunkState]) -> Summary:
    """The plan's summary with the counts of these chunks.

    Counters that are added up while chunks are written drift for good once a batch is lost, or written twice by a
    retry whose first answer was lost. Counted from the chunks they are as right as those are.
    """
    done = failed = rows = 0
    updated = plan.updated_at
    for state in states:
        done += state.state == DONE
        failed += state.state == FAILED
        rows += state.rows if state.state == DONE else 0
        updated = max(updated, state.finished_at or 0)
    return plan._replace(done=done, failed=failed, rows=rows, updated_at=updated)


def milliseconds(moment: float | None) -> int:
    """0 for what has not happened."""
    return round((moment or 0) * 1000)
