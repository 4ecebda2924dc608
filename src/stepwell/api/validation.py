"""Holds a request against AWS's shapes; what is wrong with it is said as AWS says it, all at once."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from stepwell.errors import SerializationException, ValidationException

Facts = dict[str, Any]

# What a request may be, as AWS's own models say; made by tools/shapes.py from botocore's, which explains its form.
_MODEL = json.loads(Path(__file__).with_name("shapes.json").read_text(encoding="utf-8"))
BOTOCORE: str = _MODEL["botocore"]
INPUTS: dict[str, str] = _MODEL["inputs"]
SHAPES: dict[str, tuple[str, Facts]] = _MODEL["shapes"]


def validate(operation: str, request: Any) -> None:
    """SerializationException where a value has another type, ValidationException where it breaks a constraint."""
    mistakes = list(_mistakes(INPUTS[operation], request, ""))
    if mistakes:
        count = f"{len(mistakes)} validation error{'s' if len(mistakes) > 1 else ''} detected"
        raise ValidationException(f"{count}: {'; '.join(mistakes)}")


def _mistakes(name: str, value: Any, at: str) -> Iterator[str]:
    type_, facts = SHAPES[name]
    if value is not None:
        _check_type(type_, value)
    for constraint in _broken(type_, facts, value):
        shown = "" if facts.get("sensitive") else " null" if value is None else f" '{_shown(value)}'"
        yield f"Value{shown} at '{at}' failed to satisfy constraint: {constraint}"
    for child, key, item in () if value is None else _inside(type_, facts, value):
        yield from _mistakes(child, item, f"{at}.{key}" if at else key)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}={_shown(item)}' for key, item in value.items())}}}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _broken(type_: str, facts: Facts, value: Any) -> Iterator[str]:
    """The constraints that a value breaks."""
    if value is None:
        yield "Member must not be null"
    elif type_ in ("integer", "long", "float"):
        yield from _size(facts, value, "value")
    elif type_ in ("list", "map"):
        yield from _size(facts, len(value), "length")
    elif type_ == "string":
        if "enum" in facts and value not in facts["enum"]:
            yield f"Member must satisfy enum value set: [{', '.join(facts['enum'])}]"
        yield from _size(facts, len(value), "length")
        if "pattern" in facts and not _pattern(facts["pattern"]).fullmatch(value):
            yield f"Member must satisfy regular expression pattern: {facts['pattern']}"


def _size(facts: Facts, size: float, what: str) -> Iterator[str]:
    if size < facts.get("min", size):
        yield f"Member must have {what} greater than or equal to {facts['min']}"
    if size > facts.get("max", size):
        yield f"Member must have {what} less than or equal to {facts['max']}"


@cache
def _pattern(java: str) -> re.Pattern[str]:
    return re.compile(java.replace("\\p{ASCII}", "[\\x00-\\x7f]"))


def _inside(type_: str, facts: Facts, value: Any) -> Iterator[tuple[str, str, Any]]:
    """(shape's name, step of the path, value) of what is inside a value, and of what is required there and is not."""
    if type_ == "structure":
        members = facts["members"]
        yield from ((members[key], key, value[key]) for key in members if value.get(key) is not None)
        yield from ((members[key], key, None) for key in facts["required"] if value.get(key) is None)
    elif type_ == "list":
        yield from ((facts["member"], f"{n}.member", item) for n, item in enumerate(value, 1))
    elif type_ == "map":
        yield from ((facts["value"], f"{key}.member", item) for key, item in value.items() if item is not None)


# Types

_PYTHON: dict[str, Any] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "boolean": bool,
    "timestamp": (int, float),
    "blob": (str, bytes),
}
_BITS = {"integer": 31, "long": 63}  # beside the sign
_START = {dict: "structure or map", list: "list"}
_JSON = {str: "STRING_VALUE", int: "NUMBER_VALUE", float: "DECIMAL_VALUE"}


def _check_type(type_: str, value: Any) -> None:
    wanted = _PYTHON[type_]
    fits = type_ not in _BITS or (isinstance(value, int) and -(2 ** _BITS[type_]) <= value < 2 ** _BITS[type_])
    if isinstance(value, wanted) and fits and (type_ == "boolean" or not isinstance(value, bool)):
        return
    if wanted in _START:
        raise SerializationException(f"Unexpected token: expected start of {_START[wanted]}")
    if isinstance(value, dict | list):
        raise SerializationException(f"Start of {_START[type(value)]} found where not expected.")
    found = f"{str(value).upper()}_VALUE" if isinstance(value, bool) else _JSON[type(value)]
    article = "an" if type_ == "integer" else "a"
    raise SerializationException(f"{found} can not be converted to {article} {type_.capitalize()}")
