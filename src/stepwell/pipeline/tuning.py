"""`tune` for a pipeline's task in chunks: a sample of them at several sizes and lanes, timed and rolled back."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any, NamedTuple

from stepwell.etl.connection import TaskConnection, connect, lease
from stepwell.etl.fence import explained, set_limits
from stepwell.etl.lane import Work
from stepwell.etl.ledger import Lot
from stepwell.etl.plan import Chunk, find_table, make_plan
from stepwell.pipeline.chunked import frozen, work_of
from stepwell.pipeline.chunks import Chunks
from stepwell.pipeline.context import TaskContext
from stepwell.pipeline.receipt import peak_megabytes
from stepwell.pipeline.task import PythonTask, SqlTask

_SIZES = (500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000)  # rows of a chunk
_LANES = (1, 2, 4, 8)
_SAMPLE = 3  # chunks of a size: from the beginning, the middle and the end
_ROUNDS = 3  # of lanes, of which the middle one counts
_ENOUGH = 0.95  # of the best speed is as good as the best
_MANY = 0.90  # the same for lanes, each of which is a connection more


class Speed(NamedTuple):
    """So many rows a second, at so many rows of a chunk, or lanes."""

    of: int
    rows: int
    seconds: float
    speed: float


def tuned(
    task: SqlTask | PythonTask, chunks: Chunks, url: str, application: str, context: TaskContext
) -> dict[str, Any]:
    """What was measured and what follows from it. Nothing that the task does is kept.

    Half of the time is for sizes, from small to large; the other half for lanes, at the best size.
    """
    end = context.remaining()
    with lease(url, application) as connection, explained():
        finest = next((size for size in _SIZES if size * 20 >= chunks.rows), _SIZES[-1])
        plan = make_plan(connection, find_table(connection, chunks.table, chunks.by), finest)
        document = frozen(task, chunks, connection, plan, context.params)
        connection.end(commit=False)
        work = work_of(task, document, context.params, context)
        sizes = list(_sizes(connection, work, plan.chunks, finest, context, end / 2))
    best = smallest(sizes, _ENOUGH)
    joined = list(_joined(plan.chunks, best))
    lanes = list(_lanes(url, application, work, joined, context))
    return {
        "task": task.name,
        "table": chunks.table,
        "by": list(chunks.by),
        "rows": plan.rows,
        "sizes": [speed._asdict() for speed in sizes],
        "lanes": [speed._asdict() for speed in lanes],
        "best_rows": best,
        "best_lanes": smallest(lanes, _MANY),
        "mb": peak_megabytes(),
    }


def smallest(speeds: Sequence[Speed], enough: float) -> int:
    """The smallest that is nearly as fast as the fastest."""
    fastest = max(speed.speed for speed in speeds)
    return min(speed.of for speed in speeds if speed.speed >= enough * fastest)


def _sizes(
    connection: TaskConnection, work: Work, fine: Sequence[Chunk], finest: int, context: TaskContext, until: float
) -> Iterator[Speed]:
    """Each size once warm; no size of which the sample would be the whole table, but for the first."""
    for size in _SIZES[_SIZES.index(finest) :]:
        lots = list(_joined(fine, size))
        if size > finest and (len(lots) < _SAMPLE or context.remaining() < until):
            return
        sample = [lots[i] for i in sorted({0, len(lots) // 2, len(lots) - 1})]
        if size == finest:
            _tried(connection, work, sample[0], context)  # the first one pays for what is read for the first time
        times = [(lot.rows, _tried(connection, work, lot, context)) for lot in sample]
        yield Speed(size, sum(rows for rows, _ in times), sum(s for _, s in times), median(r / s for r, s in times))


def _joined(fine: Sequence[Chunk], size: int) -> Iterator[Lot]:
    """Neighbouring chunks as one, as a lane would take them."""
    taken: list[Chunk] = []
    for chunk in fine:
        if chunk.range.null is not None:
            continue
        if taken and sum(each.rows for each in taken) + chunk.rows > size:
            yield Lot(tuple(taken), alone=False, attempts=1)
            taken = []
        taken.append(chunk)
    if taken:
        yield Lot(tuple(taken), alone=False, attempts=1)


def _lanes(url: str, application: str, work: Work, lots: Sequence[Lot], context: TaskContext) -> Iterator[Speed]:
    """As many lots as there are lanes at the same time, each on a connection of its own."""
    for lanes in _LANES:
        if lanes > 1 and (lanes > len(lots) or context.remaining() < 2):
            return
        chosen = [lots[i * len(lots) // lanes] for i in range(lanes)]
        connections = [connect(url, application) for _ in chosen]
        try:
            with ThreadPoolExecutor(lanes) as pool:
                rounds = [_round(pool, work, connections, chosen, context) for _ in range(_ROUNDS)]
        finally:
            for connection in connections:
                connection.close()
        rows, seconds = sum(lot.rows for lot in chosen), median(rounds)
        yield Speed(lanes, rows, seconds, rows / seconds)


def _round(
    pool: ThreadPoolExecutor,
    work: Work,
    connections: Sequence[TaskConnection],
    lots: Sequence[Lot],
    context: TaskContext,
) -> float:
    """Seconds until the last lane is done."""
    begun = time.perf_counter()
    list(pool.map(lambda connection, lot: _tried(connection, work, lot, context), connections, lots))
    return time.perf_counter() - begun


def _tried(connection: TaskConnection, work: Work, lot: Lot, context: TaskContext) -> float:
    """The seconds that a lot takes, which is undone."""
    connection.deadline = time.monotonic() + context.remaining()
    set_limits(connection)
    connection.guarded = True
    begun = time.perf_counter()
    try:
        work(connection, lot)
        return time.perf_counter() - begun
    finally:
        connection.end(commit=False)
