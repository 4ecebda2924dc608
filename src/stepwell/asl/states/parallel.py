"""Parallel: runs its branches side by side, each with the same input."""

from stepwell.asl.dataflow import leave_with_result
from stepwell.asl.fields import ARGUMENTS, ERRORS, INPUT_OUTPUT, RESULT
from stepwell.asl.model import Machine, State
from stepwell.asl.outcome import Fork
from stepwell.asl.payload import Payload
from stepwell.asl.reader import Reader
from stepwell.asl.scope import Scope
from stepwell.asl.states.kind import Branch, Kind


def _compile(reader: Reader, branch: Branch) -> tuple[Machine, ...]:
    reader.require("Branches")
    return tuple(branch(each) for each in reader.objects("Branches"))


def _enter(state: State, raw: Payload, scope: Scope) -> Fork:
    machines: tuple[Machine, ...] = state.detail
    arguments = state.flow.arguments(state.flow.input(raw, scope), scope)
    return Fork("Parallel", machines, [arguments] * len(machines), 0, state.name)


_FIELDS = INPUT_OUTPUT | ARGUMENTS | RESULT | ERRORS | {"Branches", "Arguments"}
PARALLEL = Kind(_FIELDS, _compile, _enter, leave_with_result)
