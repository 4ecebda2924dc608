"""How long a task may take, and the timer that ends it when it takes longer.

A task ends before Lambda or Step Functions would end it, so that there is time to roll back and to say why.
"""

import signal
import time
from types import FrameType, TracebackType
from typing import Any

from stepwell.errors import DeadlineExceeded

_AGAIN = 1.0  # seconds until the alarm rings again, for code that swallowed the first one


def margin(available: float) -> float:
    """Seconds that are kept for rolling back: 5 %, at least 2 s, but never more than half."""
    return min(max(2.0, available * 0.05), available / 2)


class Deadline:
    """Begins to run when it is made. Used as a context manager, it raises DeadlineExceeded inside the block."""

    __slots__ = ("_before", "_ends", "_margin", "seconds", "task", "timeout")

    def __init__(self, task: str, timeout: float, left: float | None) -> None:
        """`left` is what the function itself has left, in seconds; None if nothing limits it."""
        available = timeout if left is None else min(timeout, left)
        self._margin = margin(available)
        self.task = task
        self.timeout = timeout
        self.seconds = available - self._margin
        self._ends = time.monotonic() + self.seconds
        self._before: Any = None

    def remaining(self) -> float:
        return max(0.0, self._ends - time.monotonic())

    def __enter__(self) -> "Deadline":
        """Set the alarm a little after the deadline, since PostgreSQL keeps it too and can say what was running."""
        try:
            self._before = signal.signal(signal.SIGALRM, self._ring)
        except (AttributeError, ValueError):  # no such signal here, or not in the main thread
            return self
        signal.setitimer(signal.ITIMER_REAL, max(0.001, self.remaining() + self._margin / 4), _AGAIN)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._before)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        raise DeadlineExceeded(
            f"task {self.task!r} did not finish in {self.seconds:g} s, its timeout of {self.timeout:g} s "
            f"(or what the function had left) less the time to roll back"
        )
