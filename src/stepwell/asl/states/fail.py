"""Fail: the machine or branch fails, with an error and a cause that are fixed or looked up."""

from typing import NamedTuple

from stepwell.asl.model import State
from stepwell.asl.outcome import Fail
from stepwell.asl.payload import Payload
from stepwell.asl.reader import Reader
from stepwell.asl.scope import Scope
from stepwell.asl.states.kind import Branch, Kind
from stepwell.asl.template import Fill, looked_up
from stepwell.errors import StatesError


class _Detail(NamedTuple):
    error: str | Fill | None
    cause: str | Fill | None


def _compile(reader: Reader, branch: Branch) -> _Detail:
    return _Detail(_text(reader, "Error"), _text(reader, "Cause"))


def _text(reader: Reader, field: str) -> str | Fill | None:
    if reader.jsonata:
        return reader.query(field, "string") or reader.text(field)
    reader.exclusive(field, field + "Path")
    found = reader.path(field + "Path", calls=True)
    return looked_up(found, field + "Path") if found else reader.text(field)


def _enter(state: State, raw: Payload, scope: Scope) -> Fail:
    detail: _Detail = state.detail
    return Fail(_value(detail.error, "ErrorPath", raw, scope), _value(detail.cause, "CausePath", raw, scope))


def _value(text: str | Fill | None, field: str, raw: Payload, scope: Scope) -> str | None:
    if not callable(text):
        return text
    value = text(raw, scope)
    if not isinstance(value, str):
        raise StatesError("States.Runtime", f"The {field} field must reference a string value")
    return value


FAIL = Kind(frozenset({"Error", "ErrorPath", "Cause", "CausePath"}), _compile, _enter, ends=True)
