"""Pass: hands its input on, or a fixed result."""

from stepwell.asl.dataflow import leave
from stepwell.asl.fields import ARGUMENTS, ASSIGN, INPUT_OUTPUT
from stepwell.asl.model import State
from stepwell.asl.outcome import Go
from stepwell.asl.payload import Payload
from stepwell.asl.reader import Reader
from stepwell.asl.scope import Scope
from stepwell.asl.states.kind import Branch, Kind


def _compile(reader: Reader, branch: Branch) -> Payload | None:
    return Payload.of(reader.fields["Result"]) if reader.has("Result") else None


def _enter(state: State, raw: Payload, scope: Scope) -> Go:
    arguments = raw if state.plain else state.flow.arguments(state.flow.input(raw, scope), scope)
    fixed: Payload | None = state.detail
    return leave(state, raw, arguments if fixed is None else fixed, scope)


PASS = Kind(INPUT_OUTPUT | ARGUMENTS | ASSIGN | {"Result"}, _compile, _enter)
