"""Chunks and summaries of one imagined task."""

from stepwell.progress import ChunkState, Summary

NOW = 1_790_000_000.0
TASK = ("nightly", "20260301-0930", "task_02")


def chunk(number: int, *, attempts: int = 1, at: float = NOW + 1, state: str = "done", **fields: object) -> ChunkState:
    known = {"rows": 100, "ms": 50, "lane": number % 5}
    whole = ChunkState(TASK[1], TASK[0], TASK[2], number, state, attempts=attempts, finished_at=at)
    return whole._replace(**(known | fields))  # type: ignore[arg-type]


def plan(chunks: int = 10, **fields: object) -> Summary:
    pipeline, run, task = TASK
    whole = Summary(pipeline, run, task, chunks, 0, 0, 0, chunks * 100, NOW, NOW, 5, "running")
    return whole._replace(**fields)  # type: ignore[arg-type]
