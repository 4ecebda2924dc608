"""Choice: the first rule that holds says where to go, else the default."""

from typing import NamedTuple

from stepwell.asl.choice import Test, compile_rule
from stepwell.asl.dataflow import leave
from stepwell.asl.fields import ASSIGN, INPUT_OUTPUT, check_language, read_way
from stepwell.asl.model import State, Way
from stepwell.asl.outcome import Go
from stepwell.asl.payload import Payload
from stepwell.asl.reader import Reader
from stepwell.asl.scope import Scope
from stepwell.asl.states.kind import Branch, Kind
from stepwell.errors import StatesError


class _Rule(NamedTuple):
    holds: Test
    way: Way


def _compile(reader: Reader, branch: Branch) -> tuple[_Rule, ...]:
    reader.require("Choices")
    return tuple(_rule(rule) for rule in reader.objects("Choices"))


def _rule(rule: Reader) -> _Rule:
    check_language(rule)
    rule.require("Next")
    test = _condition(rule) if rule.jsonata else compile_rule(rule)
    return _Rule(test, read_way(rule, rule.text("Next")))


def _condition(rule: Reader) -> Test:
    rule.require("Condition")
    found = rule.query("Condition", "boolean")
    if found is not None:
        return found
    holds = rule.boolean("Condition")
    return lambda payload, scope: holds


def _enter(state: State, raw: Payload, scope: Scope) -> Go:
    """The state's own way is that of its default."""
    effective, rules = state.flow.input(raw, scope), state.detail
    way: Way = next((rule.way for rule in rules if rule.holds(effective, scope)), state.way)
    if way.next is None:
        # The documentation calls it States.NoChoiceMatched, but that is not what happens.
        cause = "Failed to transition out of the state. The state does not point to a next state."
        raise StatesError("States.Runtime", cause)
    return leave(state, raw, effective, scope, way)


CHOICE = Kind(INPUT_OUTPUT | ASSIGN | {"Choices", "Default"}, _compile, _enter, ends=True)
