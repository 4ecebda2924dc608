"""Assign: which variables a state sets, in either query language, within AWS's limits."""

from collections.abc import Mapping
from typing import Any

from stepwell.asl.payload import Payload
from stepwell.asl.scope import Scope
from stepwell.errors import StatesError

Assigned = Mapping[str, Payload]

# Bytes of JSON: of one Assign together, and of all variables of an execution.
LARGEST = 262_144
ALL_TOGETHER = 10_485_760
LONGEST_NAME = 80


def is_name(name: str) -> bool:
    """A Unicode identifier; `states` is AWS's own."""
    return name.isidentifier() and len(name) <= LONGEST_NAME and name != "states"


def assigned(values: dict[str, Any], scope: Scope) -> Assigned:
    """What a template gave, as variables beside those that the scope has."""
    variables = {name: Payload.of(value) for name, value in values.items()}
    _check_size("The variables assigned by the state", variables, LARGEST)
    _check_size("The variables of the execution", {**scope.variables, **variables}, ALL_TOGETHER)
    return variables


def _check_size(what: str, variables: Assigned, limit: int) -> None:
    if sum(each.size for each in variables.values()) > limit:
        cause = f"{what} have a size exceeding the maximum number of bytes service limit of {limit}."
        raise StatesError("States.DataLimitExceeded", cause)
