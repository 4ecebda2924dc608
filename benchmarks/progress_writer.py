"""What telling progress costs a chunk: on the lane's own path, and in all when the thread that writes competes with it.

`put` is the call that a lane makes after its commit. The lanes below do 500 chunks, one a lot, without and with a
writer: one waits 2 ms for each chunk, as for a database; the other computes for 2 ms and never lets go of the
interpreter, which is the worst that the writing thread can meet. Closing is told apart: it is once an invocation, and
waits at most 5 s. With --url also any other place, such as dynamodb://TABLE.
"""

import json
import os
import platform
import statistics
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.common import options
from stepwell.progress import ChunkState, Summary, open_progress
from stepwell.progress.writer import Writer

CHUNKS = 500
WORK = 0.002  # seconds of a chunk


class Cost(NamedTuple):
    """Microseconds a chunk: median, 99th percentile, and the worst."""

    median: float
    p99: float
    worst: float


def main() -> None:
    parser = options(__doc__ or "", runs=7)
    parser.add_argument("--url", default="", help="where progress is written (default: a SQLite file)")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = chosen.url or f"sqlite:///{Path(folder) / 'progress.db'}"
        turns = calibrate()
        put = cost_of_put(url, chosen.runs)
        waits, closing = difference(url, chosen.runs, lambda: time.sleep(WORK))
        computes, _ = difference(url, chosen.runs, lambda: compute(turns))
    report(chosen, url.partition(":")[0], put, {"waits": waits, "computes": computes}, closing)


def cost_of_put(url: str, runs: int) -> Cost:
    """At the pace of a lane: after a wait, as a call after a commit meets cold caches and a thread that sleeps."""
    seconds: list[float] = []
    for run in range(runs):
        store = open_progress(url)
        with Writer(store) as writer:
            for number in range(CHUNKS):
                time.sleep(WORK)
                states = [state(run, number)]
                begun = time.perf_counter()
                writer.put(states)
                seconds.append(time.perf_counter() - begun)
        store.close()
    seconds.sort()
    return Cost(*(1e6 * value for value in (statistics.median(seconds), seconds[-len(seconds) // 100], seconds[-1])))


def difference(url: str, runs: int, work: Callable[[], object]) -> tuple[list[float], float]:
    """Microseconds a chunk that a lane takes longer with a writer, for each pair of runs; seconds to close, median."""
    pairs, closing = [], []
    for run in range(runs + 1):
        without, _ = lane("none:", run, work)
        told, close = lane(url, run, work)
        pairs.append((told - without) / CHUNKS * 1e6)
        closing.append(close)
    return pairs[1:], statistics.median(closing[1:])


def lane(url: str, run: int, work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the chunks, and of closing."""
    store = open_progress(url)
    store.plan(Summary("bench", str(run), "task_01", CHUNKS, 0, 0, 0, CHUNKS, time.time(), time.time(), 1, "running"))
    writer = None if url == "none:" else Writer(store)
    begun = time.perf_counter()
    for number in range(CHUNKS):
        work()
        if writer:
            writer.put([state(run, number)])
    ended = time.perf_counter()
    if writer:
        writer.close()
    closed = time.perf_counter()
    store.close()
    return ended - begun, closed - ended


def state(run: int, number: int) -> ChunkState:
    return ChunkState(str(run), "bench", "task_01", number, "done", 10_000, 2, 1, 0, None, time.time())


def compute(turns: int) -> int:
    return sum(number * number for number in range(turns))


def calibrate() -> int:
    """How many turns of `compute` take as long as a chunk."""
    begun = time.perf_counter()
    compute(200_000)
    return round(200_000 * WORK / (time.perf_counter() - begun))


def report(chosen: Namespace, store: str, put: Cost, lanes: dict[str, list[float]], closing: float) -> None:
    machine = f"{os.cpu_count()} CPUs, Python {platform.python_version()}, {platform.system()}"
    medians = {name: statistics.median(values) for name, values in lanes.items()}
    if chosen.json:
        figures = {"title": "Cost of progress", "machine": machine, "store": store, "runs": chosen.runs}
        print(json.dumps(figures | {"microseconds": {"put": put._asdict(), "lane": medians, "close": closing * 1e6}}))
        return
    print(f"Cost of progress a chunk, in {store}\n{machine}; {chosen.runs} interleaved runs of {CHUNKS} chunks\n")
    print(f"  put                      {put.median:>7.1f} µs   p99 {put.p99:.1f} µs   worst {put.worst:.1f} µs")
    for name, values in lanes.items():
        spread = f"[{min(values):.1f} .. {max(values):.1f}]"
        print(f"  lane that {name:<9}      {medians[name]:>7.1f} µs   {spread}   of a chunk of {WORK * 1e6:.0f} µs")
    print(f"  close, once              {closing * 1e6:>7.0f} µs")


if __name__ == "__main__":
    main()
