"""Choice: the first rule that holds says where to go, else the default."""

from typing import NamedTuple

from stepwell.asl.choice import Test, compile_rule
from stepwell.asl.dataflow import leave, select_input
from stepwell.asl.fields import INPUT_OUTPUT
from stepwell.asl.model import State
from stepwell.asl.outcome import Go
from stepwell.asl.payload import Payload
from stepwell.asl.reader import Reader
from stepwell.asl.scope import Scope
from stepwell.asl.states.kind import Branch, Kind
from stepwell.errors import StatesError


class _Detail(NamedTuple):
    rules: tuple[tuple[Test, str], ...]
    default: str | None


def _compile(reader: Reader, branch: Branch) -> _Detail:
    reader.require("Choices")
    rules = []
    for rule in reader.objects("Choices"):
        rule.require("Next")
        rules.append((compile_rule(rule), rule.text("Next") or ""))
    return _Detail(tuple(rules), reader.text("Default"))


def _enter(state: State, raw: Payload, scope: Scope) -> Go:
    effective = select_input(state, raw, scope)
    target = _target(state.detail, effective, scope)
    return Go(leave(state, raw, effective, scope).output, target)


def _target(detail: _Detail, effective: Payload, scope: Scope) -> str:
    for holds, target in detail.rules:
        if holds(effective, scope):
            return target
    if detail.default is None:
        cause = "Failed to transition out of the state. The state does not point to a next state."
        raise StatesError("States.NoChoiceMatched", cause)
    return detail.default


CHOICE = Kind(INPUT_OUTPUT | {"Choices", "Default"}, _compile, _enter, ends=True)
