"""Assign: which variables a state sets, in either query language, within AWS's limits."""

from collections.abc import Callable, Mapping
from typing import Any

from stepwell.asl.payload import Payload
from stepwell.asl.scope import Scope
from stepwell.errors import StatesError

Assigned = Mapping[str, Payload]
Assign = Callable[[Payload, Scope], Assigned]

# Bytes of JSON: of one Assign together, and of all variables of an execution.
LARGEST = 262_144
ALL_TOGETHER = 10_485_760
LONGEST_NAME = 80


def is_name(name: str) -> bool:
    """A Unicode identifier; `states` is AWS's own."""
    return name.isidentifier() and len(name) <= LONGEST_NAME and name != "states"


def assign(fill: Callable[[Payload, Scope], Any]) -> Assign:
    """From the values that a template gives to the variables; all of them see those from before."""

    def step(payload: Payload, scope: Scope) -> Assigned:
        assigned = {name: Payload.of(value) for name, value in fill(payload, scope).items()}
        if sum(each.size for each in assigned.values()) > LARGEST:
            raise _too_large("The variables assigned by the state", LARGEST)
        if sum(each.size for each in {**scope.variables, **assigned}.values()) > ALL_TOGETHER:
            raise _too_large("The variables of the execution", ALL_TOGETHER)
        return assigned

    return step


def _too_large(what: str, limit: int) -> StatesError:
    cause = f"{what} have a size exceeding the maximum number of bytes service limit of {limit}."
    return StatesError("States.DataLimitExceeded", cause)
