"""Which variables a definition speaks of, state by state: what DescribeStateMachine lists."""

import re
from collections.abc import Iterator
from typing import Any

from stepwell.asl.jsonata import is_query

_NAME = r"(?<!\$)\$([^\W\d]\w*)(?!\w)(?!\s*\()"
_BOUND = r"\$(\w+)\s*:="
_PARAMETERS = r"(?:function|λ)\s*\(([^)]*)\)"
_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_OUTSIDE = frozenset({"ItemProcessor", "Iterator", "Branches"})  # states of their own


def variable_references(definition: dict[str, Any]) -> dict[str, list[str]]:
    """The variables that each state speaks of, sorted; states without any are left out."""
    found = {}
    for name, state, jsonata in _states(definition, definition.get("QueryLanguage") == "JSONata"):
        names = sorted(set(_of_queries(state) if jsonata else _of_paths("", state)))
        if names:
            found[name] = names
    return found


def _inner(state: dict[str, Any]) -> list[dict[str, Any]]:
    branches = state.get("Branches")
    machines = [state.get("ItemProcessor"), state.get("Iterator"), *(branches if isinstance(branches, list) else [])]
    return [machine for machine in machines if isinstance(machine, dict)]


def _states(machine: dict[str, Any], jsonata: bool) -> Iterator[tuple[str, dict[str, Any], bool]]:
    states = machine.get("States")
    for name, state in states.items() if isinstance(states, dict) else ():
        if isinstance(state, dict):
            yield name, state, jsonata or state.get("QueryLanguage") == "JSONata"
            for inner in _inner(state):
                yield from _states(inner, jsonata)


def _of_paths(key: str, value: Any) -> Iterator[str]:
    """Of JSONPath: fields that end in .$ or Path, and a rule's Variable."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name not in _OUTSIDE:
                yield from _of_paths(name, item)
    elif isinstance(value, list):
        for item in value:
            yield from _of_paths("", item)
    elif isinstance(value, str) and (key.endswith((".$", "Path")) or key == "Variable"):
        yield from re.findall(_NAME, re.sub(_QUOTED, "", value))


def _of_queries(value: Any) -> Iterator[str]:
    """Of JSONata: the names that an expression does not bind itself."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name not in _OUTSIDE:
                yield from _of_queries(item)
    elif isinstance(value, list):
        for item in value:
            yield from _of_queries(item)
    elif is_query(value):
        source = re.sub(_QUOTED, "", value)
        parameters = " ".join(re.findall(_PARAMETERS, source))
        bound = {"states", *re.findall(_BOUND, source), *re.findall(r"\$(\w+)", parameters)}
        yield from set(re.findall(_NAME, source)) - bound
