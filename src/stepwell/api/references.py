"""Which variables each state of a definition reads: `variableReferences` of DescribeStateMachine."""

import json
import re
from collections.abc import Iterator
from typing import Any

from stepwell.api.door import Answer

_NESTED = ("States", "Branches", "Iterator", "ItemProcessor")
_QUOTED = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_VARIABLE = re.compile(r"(?<![\w$`])\$([A-Za-z_]\w*)(?!\s*(?:\(|:=|\w))")
_BOUND = re.compile(r"\$([A-Za-z_]\w*)\s*:=|function\s*\(([^)]*)\)|λ\s*\(([^)]*)\)|[@#]\s*\$(\w+)")


def variable_references(definition: str) -> Answer:
    """The names by state; no field at all where no variable is read, as AWS has it."""
    if "$" not in definition:
        return {}
    states = _states(json.loads(definition), "JSONPath")
    found = {name: sorted(set(_names({**state, "Result": None}, language))) for name, state, language in states}
    read = {name: names for name, names in found.items() if names}
    return {"variableReferences": read} if read else {}


def _states(machine: Any, language: str) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Every state of a machine and of those inside, with its query language."""
    language = machine.get("QueryLanguage", language)
    for name, state in machine.get("States", {}).items():
        own = state.get("QueryLanguage", language)
        yield name, state, own
        for inner in (state.get("Iterator"), state.get("ItemProcessor"), *state.get("Branches", ())):
            if inner:
                yield from _states(inner, language)


def _names(value: Any, language: str, key: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for inner, item in value.items():
            if inner not in _NESTED:
                yield from _names(item, language, inner)
    elif isinstance(value, list):
        for item in value:
            yield from _names(item, language, key)
    elif isinstance(value, str) and language == "JSONata":
        if value.startswith("{%"):
            yield from _in_jsonata(value)
    elif isinstance(value, str) and (key.endswith((".$", "Path")) or key == "Variable"):
        yield from _VARIABLE.findall(_QUOTED.sub("''", value))


def _in_jsonata(expression: str) -> set[str]:
    """What it reads and does not bind itself."""
    text = _COMMENT.sub("", _QUOTED.sub("''", expression))
    bound = {name for found in _BOUND.findall(text) for part in found for name in re.findall(r"\w+", part)}
    return set(_VARIABLE.findall(text)) - bound - {"states"}
