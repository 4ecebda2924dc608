"""How writing progress fails: it is told on stderr, once for each reason, and never reaches the task."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from stepwell.errors import DeadlineExceeded

P = ParamSpec("P")
S = TypeVar("S")

_told: set[str] = set()


def mirrored(write: Callable[Concatenate[S, P], None]) -> Callable[Concatenate[S, P], bool]:
    """A method that answers whether it has written, and raises nothing but the deadline of the task around it."""

    @wraps(write)
    def guarded(store: S, /, *args: P.args, **kwargs: P.kwargs) -> bool:
        try:
            write(store, *args, **kwargs)
        except DeadlineExceeded:
            raise
        except Exception as error:
            _tell(f"{type(error).__name__}: {error}")
            return False
        return True

    return guarded


def _tell(reason: str) -> None:
    if reason not in _told and len(_told) < 20:
        _told.add(reason)
        text = f"stepwell: progress was not written; the data is not affected. {reason}"
        print(text, file=sys.stderr, flush=True)
