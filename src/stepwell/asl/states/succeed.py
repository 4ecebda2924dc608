"""Succeed: the machine or branch ends with its input."""

from stepwell.asl.dataflow import leave
from stepwell.asl.fields import INPUT_OUTPUT
from stepwell.asl.model import State
from stepwell.asl.outcome import Done
from stepwell.asl.payload import Payload
from stepwell.asl.reader import Reader
from stepwell.asl.scope import Scope
from stepwell.asl.states.kind import Branch, Kind


def _compile(reader: Reader, branch: Branch) -> None:
    return None


def _enter(state: State, raw: Payload, scope: Scope) -> Done:
    return Done(leave(state, raw, state.flow.input(raw, scope), scope).output)


SUCCEED = Kind(INPUT_OUTPUT, _compile, _enter, ends=True)
