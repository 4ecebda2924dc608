"""Waiting for what must come, with a limit that only a hang reaches and a word on what did not come."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(come: Callable[[], T], what: str, seconds: float = 60, pause: float = 0.02) -> T:
    """Ask again and again; the first answer that is true."""
    end = time.monotonic() + seconds
    while not (answer := come()):
        assert time.monotonic() < end, f"in {seconds:g} s it has not come to this: {what}"
        time.sleep(pause)
    return answer
