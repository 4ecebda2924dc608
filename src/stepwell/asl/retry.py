"""Which retrier or catcher answers an error, after how long, and what a caught error looks like."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from stepwell.asl.dataflow import check_size
from stepwell.asl.fields import check_language, read_placement, read_way
from stepwell.asl.model import Catcher, Retrier, State
from stepwell.asl.outcome import Go
from stepwell.asl.payload import Payload
from stepwell.asl.reader import Reader
from stepwell.asl.scope import Scope

if TYPE_CHECKING:
    from random import Random

# An execution always fails with this one, even where a retrier or catcher names it (recorded 2023-11-23).
UNANSWERABLE = "States.Runtime"
_ALL = "States.ALL"
# What Retry and Catch may call a timeout for want of a heartbeat; histories and outputs call it States.Timeout.
HEARTBEAT_TIMEOUT = "States.HeartbeatTimeout"
_RETRIER = frozenset(
    {"ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy", "Comment"}
)
_CATCHER = frozenset({"ErrorEquals", "Next", "ResultPath", "Comment", "Assign", "Output"})
_LONGEST_DELAY = 31_622_400


class RetryAfter(NamedTuple):
    """The state is entered again after so many seconds; `index` is the retrier's, whose count goes up."""

    index: int  # type: ignore[assignment]  # a tuple's own index() is not needed
    seconds: float


class CatchAt(NamedTuple):
    """The execution goes on by the way of the catcher."""

    index: int  # type: ignore[assignment]
    catcher: Catcher


def answer(state: State, error_name: str, counts: list[int], random: "Random") -> RetryAfter | CatchAt | None:
    """`counts[i]` is how often retrier i has fired since the state was entered.

    The first retrier that matches answers; once its attempts are used up, the catchers are asked, not the next retrier.
    """
    if error_name == UNANSWERABLE:
        return None
    index = matching(state.retry, error_name)
    if index is not None and counts[index] < state.retry[index].max_attempts:
        return RetryAfter(index, _delay(state.retry[index], counts[index], random))
    index = matching(state.catch, error_name)
    return None if index is None else CatchAt(index, state.catch[index])


def matching(entries: Sequence[Retrier | Catcher], error: str) -> int | None:
    """Which entry names the error."""
    return next((index for index, entry in enumerate(entries) if _matches(entry.errors, error)), None)


def _matches(names: tuple[str, ...], error: str) -> bool:
    if error in names or (error == HEARTBEAT_TIMEOUT and "States.Timeout" in names):
        return True
    if _ALL in names:
        # Also States.DataLimitExceeded, which the documentation exempts (recorded with a task's result over 256 KiB).
        return True
    return "States.TaskFailed" in names and error not in ("States.Timeout", HEARTBEAT_TIMEOUT)


def _delay(retrier: Retrier, fired: int, random: "Random") -> float:
    try:
        seconds = retrier.interval * float(retrier.backoff_rate) ** fired
    except OverflowError:
        seconds = _LONGEST_DELAY
    seconds = min(seconds, retrier.max_delay or _LONGEST_DELAY)
    return random.uniform(0, seconds) if retrier.full_jitter else seconds


def caught(state: State, catcher: Catcher, raw: Payload, error: str | None, cause: str | None, scope: Scope) -> Go:
    """On to the catcher's state with the error as data, as the catcher wants it.

    A timeout has an empty cause, other gaps are null.
    """
    if cause is None and error == "States.Timeout":
        cause = ""
    output = Payload.of({"Error": error, "Cause": cause})
    way, scope = catcher.way, scope.with_answer(error=output)
    variables = way.assign(raw, output, scope)
    placed = way.place(raw, output, scope)
    if placed is not raw:
        check_size(placed, state.name)  # it is the state's output
    return Go(placed, way.next, variables)


def read_retry(reader: Reader) -> tuple[Retrier, ...]:
    entries = reader.objects("Retry", empty=True)
    return tuple(_retrier(entry, last=entry is entries[-1]) for entry in entries)


def _retrier(entry: Reader, last: bool) -> Retrier:
    entry.allow(_RETRIER)
    interval = entry.integer("IntervalSeconds", 1) or 1
    attempts = entry.integer("MaxAttempts", 0)
    longest = entry.integer("MaxDelaySeconds", 1, _LONGEST_DELAY)
    if longest is not None and longest <= interval:
        entry.refuse("Value must be greater than IntervalSeconds", "MaxDelaySeconds")
    jitter = entry.text("JitterStrategy")
    if jitter not in (None, "FULL", "NONE"):
        entry.refuse("Value must be one of: [FULL, NONE]", "JitterStrategy")
    return Retrier(
        _error_names(entry, last),
        interval,
        3 if attempts is None else attempts,
        entry.number("BackoffRate", 1.0) or 2.0,
        longest,
        jitter == "FULL",
    )


def read_catch(reader: Reader) -> tuple[Catcher, ...]:
    entries = reader.objects("Catch", empty=True)
    return tuple(_catcher(entry, last=entry is entries[-1]) for entry in entries)


def _catcher(entry: Reader, last: bool) -> Catcher:
    entry.allow(_CATCHER)
    check_language(entry)
    entry.require("Next")
    return Catcher(_error_names(entry, last), read_way(entry, entry.text("Next"), read_placement(entry)))


def _error_names(entry: Reader, last: bool) -> tuple[str, ...]:
    entry.require("ErrorEquals")
    names = entry.texts("ErrorEquals")
    if _ALL in names and not (last and len(names) == 1):
        entry.refuse("States.ALL must stand alone, in the last entry", "ErrorEquals")
    return names
