"""Writing progress beside the work: a bounded queue, and a thread that empties it in batches."""

from collections.abc import Sequence
from queue import Empty, SimpleQueue
from threading import Event, Thread

from stepwell.progress.contract import ChunkState, Progress

CAPACITY = 10_000  # states that wait at most
LINGER = 0.25  # seconds in which a batch gathers: someone who watches looks twice a second


class Writer:
    """`put` costs the lane a few microseconds and cannot fail; what it could not keep is dropped.

    A writer of one thread; `close` it when the invocation ends, since a frozen function writes nothing.
    """

    def __init__(self, progress: Progress, capacity: int = CAPACITY, linger: float = LINGER) -> None:
        self.complete = True  # False as soon as something was dropped: then only a rebuild makes the mirror whole
        self._progress = progress
        self._capacity = capacity
        self._linger = linger
        self._queue: SimpleQueue[Sequence[ChunkState]] = SimpleQueue()
        # Each has one writer, the lane or the thread, so that their difference needs no lock.
        self._given = 0
        self._taken = 0
        self._closing = Event()
        self._thread = Thread(target=self._run, name="stepwell progress", daemon=True)
        self._thread.start()

    def put(self, states: Sequence[ChunkState]) -> None:
        """Call it after the commit. Never blocks and never raises."""
        if self._closing.is_set() or self._given - self._taken + len(states) > self._capacity:
            self.complete = False
            return
        self._given += len(states)
        self._queue.put(states)

    def close(self, timeout: float = 5.0) -> bool:
        """Write what waits, for at most `timeout` seconds; whether everything that was put has been written."""
        if not self._closing.is_set():
            self._closing.set()
            self._queue.put(())
        self._thread.join(timeout)
        return self.complete and not self._thread.is_alive()

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        while True:
            batch = list(self._queue.get())
            self._closing.wait(self._linger)
            last = self._closing.is_set()  # asked before the queue is emptied: nothing is put after it
            batch += self._waiting()
            if batch and not self._progress.record(batch):
                self.complete = False
            self._taken += len(batch)
            if last:
                return

    def _waiting(self) -> list[ChunkState]:
        states: list[ChunkState] = []
        while True:
            try:
                states += self._queue.get_nowait()
            except Empty:
                return states
