"""Doing the same for many things, a few at a time."""

from collections.abc import Callable, Iterable
from threading import Lock, Thread
from typing import TypeVar

T = TypeVar("T")


def for_each(work: Callable[[T], None], things: Iterable[T], threads: int) -> None:
    """Call `work` with each, in this thread and in `threads` - 1 others; the first failure ends it and is raised."""
    waiting = list(things)[::-1]
    lock = Lock()
    failures: list[Exception] = []

    def some() -> None:
        while not failures:
            with lock:
                if not waiting:
                    return
                thing = waiting.pop()
            try:
                work(thing)
            except Exception as error:
                failures.append(error)

    others = [Thread(target=some, daemon=True) for _ in range(min(threads, len(waiting)) - 1)]
    for thread in others:
        thread.start()
    some()
    for thread in others:
        thread.join()
    if failures:
        raise failures[0]
