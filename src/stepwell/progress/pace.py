"""How a task in chunks gets on: rows a second, time left, what each lane did, what was slow and what failed."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from stepwell.progress.contract import DONE, FAILED, RUNNING, ChunkState, Summary, tally

RECENT = 100  # chunks that the present speed is measured by
SLOWEST = 5


class Lane(NamedTuple):
    """What one lane has done; `seconds` that it worked."""

    lane: int
    done: int
    failed: int
    rows: int
    seconds: float

    @property
    def rate(self) -> float | None:
        return self.rows / self.seconds if self.seconds else None


class Pace(NamedTuple):
    """`rate` in rows a second: of late while the task is running, on the whole when it is over. `left` in seconds."""

    summary: Summary
    seconds: float
    rate: float | None
    left: float | None
    lanes: list[Lane]
    slowest: list[ChunkState]
    failed: list[ChunkState]

    @property
    def fraction(self) -> float:
        return min(1.0, self.summary.done / self.summary.chunks) if self.summary.chunks else 1.0

    @property
    def over(self) -> bool:
        return is_over(self.summary)


def pace(plan: Summary, chunks: Sequence[ChunkState], now: float) -> Pace:
    """`chunks` as they are recorded, `now` in seconds since 1970."""
    summary = tally(plan, chunks)
    done = [chunk for chunk in chunks if chunk.state == DONE]
    over = is_over(summary)
    seconds = max(0.0, (summary.updated_at if over else now) - summary.started_at)
    rate, a_chunk = _of_late(done)
    return Pace(
        summary=summary,
        seconds=seconds,
        rate=rate if not over else summary.rows / seconds if seconds else None,
        left=a_chunk * (summary.chunks - summary.done) if a_chunk is not None and not over else None,
        lanes=_lanes(chunks),
        slowest=sorted(done, key=lambda chunk: (-chunk.ms, chunk.chunk))[:SLOWEST],
        failed=[chunk for chunk in chunks if chunk.state == FAILED],
    )


def is_over(summary: Summary) -> bool:
    return summary.state != RUNNING or summary.done >= summary.chunks


def _of_late(done: Iterable[ChunkState]) -> tuple[float | None, float | None]:
    """Rows a second, and seconds a chunk, of all lanes together.

    Measured by the time that the chunks took and not by the clock, so that neither a pause before a resume nor the
    fact that the chunks of a lot end at one moment disturbs it.
    """
    recent = sorted(done, key=lambda chunk: chunk.version[1])[-RECENT:]
    seconds = sum(chunk.ms for chunk in recent) / 1000 / max(1, len({chunk.lane for chunk in recent}))
    if not seconds:
        return None, None
    return sum(chunk.rows for chunk in recent) / seconds, seconds / len(recent)


def _lanes(chunks: Iterable[ChunkState]) -> list[Lane]:
    lanes: dict[int, Lane] = {}
    for chunk in chunks:
        if chunk.lane is not None and chunk.state in (DONE, FAILED):
            is_done = chunk.state == DONE
            lane = lanes.get(chunk.lane) or Lane(chunk.lane, 0, 0, 0, 0.0)
            lanes[chunk.lane] = Lane(
                lane.lane,
                lane.done + is_done,
                lane.failed + (not is_done),
                lane.rows + (chunk.rows if is_done else 0),
                lane.seconds + chunk.ms / 1000,
            )
    return [lanes[number] for number in sorted(lanes)]
