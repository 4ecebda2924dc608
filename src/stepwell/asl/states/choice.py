"""Choice: the first rule that holds says where to go, else the default."""

from typing import NamedTuple

from stepwell.asl.choice import Test, compile_rule
from stepwell.asl.dataflow import check_size, go_out, select_input, select_output
from stepwell.asl.fields import ASSIGN, INPUT_OUTPUT, check_language, read_exit
from stepwell.asl.model import Exit, State
from stepwell.asl.outcome import Go
from stepwell.asl.payload import Payload
from stepwell.asl.reader import Reader
from stepwell.asl.scope import Scope
from stepwell.asl.states.kind import Branch, Kind
from stepwell.errors import StatesError


class _Rule(NamedTuple):
    holds: Test
    next: str
    exit: Exit


class _Detail(NamedTuple):
    rules: tuple[_Rule, ...]
    default: str | None


def _compile(reader: Reader, branch: Branch) -> _Detail:
    reader.require("Choices")
    return _Detail(tuple(_rule(rule) for rule in reader.objects("Choices")), reader.text("Default"))


def _rule(rule: Reader) -> _Rule:
    check_language(rule)
    rule.require("Next")
    test = _condition(rule) if rule.jsonata else compile_rule(rule)
    return _Rule(test, rule.text("Next") or "", read_exit(rule))


def _condition(rule: Reader) -> Test:
    rule.require("Condition")
    found = rule.query("Condition", "boolean")
    if found is not None:
        return found
    holds = rule.boolean("Condition")
    return lambda payload, scope: holds


def _enter(state: State, raw: Payload, scope: Scope) -> Go:
    """The state's own Assign and Output are those of its default."""
    effective = select_input(state, raw, scope)
    target, way = _chosen(state, effective, scope)
    if state.jsonata:
        return go_out(state.name, way, raw, raw, scope, target)
    variables = way.assign(effective, scope) if way.assign else None
    output = select_output(state, effective, scope)
    if output is not raw:
        check_size(output, state.name)
    return Go(output, target, variables)


def _chosen(state: State, effective: Payload, scope: Scope) -> tuple[str, Exit]:
    detail: _Detail = state.detail
    for rule in detail.rules:
        if rule.holds(effective, scope):
            return rule.next, rule.exit
    if detail.default is None:
        cause = "Failed to transition out of the state. The state does not point to a next state."
        raise StatesError("States.NoChoiceMatched", cause)
    return detail.default, state.flow.exit


CHOICE = Kind(INPUT_OUTPUT | ASSIGN | {"Choices", "Default"}, _compile, _enter, ends=True)
