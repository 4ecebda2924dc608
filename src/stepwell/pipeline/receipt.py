"""What a task leaves behind when it is done: counts and ids, never rows."""

import json
import sys
import time
from typing import Any

from stepwell.errors import ConfigurationError, ReceiptTooLarge
from stepwell.pipeline.context import TaskContext

_LARGEST = 32 * 1024  # bytes: eight of them fit into a state's 256 KB


class Meter:
    """Measures a task from the moment that it is made."""

    __slots__ = ("_started",)

    def __init__(self) -> None:
        self._started = time.perf_counter()

    def receipt(self, context: TaskContext, told: dict[str, Any]) -> dict[str, Any]:
        """The task's receipt. Raises ConfigurationError if it is not JSON, ReceiptTooLarge above 32 KB."""
        seconds = time.perf_counter() - self._started
        receipt = {
            "task": context.task,
            "run": context.run,
            "status": "done",
            "rows": told["rows"],
            "seconds": round(seconds, 3),
            "attempt": context.attempt,
            "used": {"ms": round(seconds * 1000), "mb": peak_megabytes()},
            **{key: value for key, value in told.items() if key != "rows"},
        }
        _check(receipt, context.task)
        return receipt


def _check(receipt: dict[str, Any], task: str) -> None:
    try:
        text = json.dumps(receipt, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        size = len(text.encode())
        if "\\u0000" in text.replace("\\\\", ""):
            raise ValueError("PostgreSQL's JSON has no character NUL")
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"task {task!r} returned what JSON cannot hold ({error}); a task returns counts and ids"
        ) from None
    if size > _LARGEST:
        raise ReceiptTooLarge(
            f"the receipt of task {task!r} has {size} bytes, more than {_LARGEST}; "
            "a task returns counts and ids, never rows: leave those in the database"
        )


def peak_megabytes() -> int:
    """The most memory that this process held. Linux's ru_maxrss would count the parent's, before exec, as well."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) // 1024
    except (OSError, StopIteration):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak // (1024 * 1024 if sys.platform == "darwin" else 1024)
