"""Wait: for some seconds or until a moment, given in the definition or in the input."""

from collections.abc import Callable
from typing import Any

from stepwell.asl.dataflow import leave
from stepwell.asl.expression import Expression
from stepwell.asl.fields import ASSIGN, INPUT_OUTPUT
from stepwell.asl.jsonata import QueryFailed
from stepwell.asl.jsonpath import PathNotFound, java
from stepwell.asl.model import State
from stepwell.asl.outcome import Go, Wait
from stepwell.asl.payload import Payload
from stepwell.asl.reader import Reader
from stepwell.asl.scope import Scope
from stepwell.asl.states.kind import Branch, Kind
from stepwell.asl.template import Fill
from stepwell.asl.timestamps import epoch
from stepwell.errors import StatesError

LONGEST = 99_999_999
Until = Callable[[Payload, Scope], float]
_FIELDS = ("Seconds", "SecondsPath", "Timestamp", "TimestampPath")


def _compile(reader: Reader, branch: Branch) -> Until | None:
    if not any(reader.has(field) for field in _FIELDS):
        reader.refuse(f"One of these fields is required: [{', '.join(_FIELDS)}]")
    reader.exclusive(*_FIELDS)
    if reader.jsonata:
        computed = _computed(reader)
        if computed is not None:
            return computed
    if reader.has("Seconds"):
        seconds = reader.integer("Seconds", 0, LONGEST) or 0
        return lambda payload, scope: scope.now + seconds
    if reader.has("Timestamp"):
        return _fixed(reader)
    by_seconds = reader.has("SecondsPath")
    found = reader.path("SecondsPath" if by_seconds else "TimestampPath")
    if found is None:
        return None
    return _after(found) if by_seconds else _moment(found)


def _computed(reader: Reader) -> Until | None:
    seconds, timestamp = reader.query("Seconds", "number"), reader.query("Timestamp", "string")
    if seconds is not None:
        return lambda payload, scope: scope.now + _whole(seconds(payload, scope))
    return _moment_of(timestamp) if timestamp is not None else None


def _whole(seconds: float) -> int:
    if seconds != int(seconds) or seconds < 0:
        raise QueryFailed(f"Seconds must be a non-negative integer, but was: {seconds}", "Seconds", True)
    return int(seconds)


def _moment_of(timestamp: Fill) -> Until:
    def until(payload: Payload, scope: Scope) -> float:
        value = timestamp(payload, scope)
        moment = epoch(value)
        if moment is None:
            why = "does not reference a valid ISO-8601 extended offset date-time format string"
            raise QueryFailed(f"The Timestamp parameter {why}: {value}", "Timestamp", True)
        return moment

    return until


def _fixed(reader: Reader) -> Until | None:
    moment = epoch(reader.text("Timestamp"))
    if moment is None:
        reader.refuse("String does not match RFC3339 timestamp", "Timestamp")
        return None
    return lambda payload, scope: moment


def _after(found: Expression) -> Until:
    def until(payload: Payload, scope: Scope) -> float:
        value = _look_up(found, "SecondsPath", payload, scope)
        try:
            seconds = int(value) if isinstance(value, str) else value
        except ValueError:
            seconds = None
        if not isinstance(seconds, int) or isinstance(seconds, bool):
            raise _refused("SecondsPath", "cannot be parsed as a long value", found, value)
        if seconds < 0:
            raise _refused("SecondsPath", "references a negative value", found, value)
        return scope.now + seconds

    return until


def _moment(found: Expression) -> Until:
    def until(payload: Payload, scope: Scope) -> float:
        value = _look_up(found, "TimestampPath", payload, scope)
        moment = epoch(value)
        if moment is None:
            what = "does not reference a valid ISO-8601 extended offset date-time format string"
            raise _refused("TimestampPath", what, found, value)
        return moment

    return until


def _look_up(found: Expression, field: str, payload: Payload, scope: Scope) -> Any:
    try:
        return found.read(payload, scope)
    except PathNotFound:
        cause = f"The {field} parameter does not reference an input value: {found.text}"
        raise StatesError("States.Runtime", cause) from None


def _refused(field: str, what: str, found: Expression, value: Any) -> StatesError:
    return StatesError("States.Runtime", f"The {field} parameter {what}: {found.text} == {java(value)}")


def _enter(state: State, raw: Payload, scope: Scope) -> Wait:
    until = state.detail(state.flow.input(raw, scope), scope)
    if until - scope.now > LONGEST:
        raise StatesError("States.Runtime", "Wait state delay is too long.")
    return Wait(until)


def _resume(state: State, raw: Payload, result: Payload, scope: Scope) -> Go:
    return leave(state, raw, state.flow.input(raw, scope), scope)


WAIT = Kind(INPUT_OUTPUT | ASSIGN | set(_FIELDS), _compile, _enter, _resume)
