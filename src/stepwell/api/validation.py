"""Holds a request against AWS's shapes; what is wrong with it is said as AWS says it, all at once."""

import json
import re
from collections.abc import Callable, Iterator
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
    _check_type(type_, value)
    told = f"Value{'' if facts.get('sensitive') else f' {_quoted(value)}'} at '{at}' failed to satisfy constraint: "
    for constraint in _TESTS.get(type_, _no_tests)(facts, value):
        yield told + constraint
    for child, key, item in _CHILDREN.get(type_, _no_children)(facts, value):
        if item is not None:
            yield from _mistakes(child, item, f"{at}.{key}" if at else key)
        elif type_ == "list":
            yield _missing(f"{at}.{key}")
    if type_ == "structure":
        for key in facts["required"]:
            if value.get(key) is None:
                hidden = SHAPES[facts["members"][key]][1].get("sensitive")
                yield _missing(f"{at}.{key}" if at else key, hidden)


def _missing(at: str, hidden: object = False) -> str:
    return f"Value{'' if hidden else ' null'} at '{at}' failed to satisfy constraint: Member must not be null"


def _quoted(value: Any) -> str:
    return f"'{_shown(value)}'"


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}={_shown(item)}' for key, item in value.items())}}}"
    return str(value).lower() if isinstance(value, bool) else str(value)


# What a constraint says


def _size(facts: Facts, size: int, what: str) -> Iterator[str]:
    if size < facts.get("min", size):
        yield f"Member must have {what} greater than or equal to {facts['min']}"
    if size > facts.get("max", size):
        yield f"Member must have {what} less than or equal to {facts['max']}"


def _text(facts: Facts, value: str) -> Iterator[str]:
    if "enum" in facts and value not in facts["enum"]:
        yield f"Member must satisfy enum value set: [{', '.join(facts['enum'])}]"
    yield from _size(facts, len(value), "length")
    if "pattern" in facts and not _pattern(facts["pattern"]).fullmatch(value):
        yield f"Member must satisfy regular expression pattern: {facts['pattern']}"


@cache
def _pattern(java: str) -> re.Pattern[str]:
    return re.compile(java.replace("\\p{ASCII}", "[\\x00-\\x7f]"))


def _no_tests(_facts: Facts, _value: Any) -> Iterator[str]:
    return iter(())


def _no_children(_facts: Facts, _value: Any) -> Iterator[tuple[str, str, Any]]:
    return iter(())


_TESTS: dict[str, Callable[[Facts, Any], Iterator[str]]] = {
    "string": _text,
    "integer": lambda facts, value: _size(facts, value, "value"),
    "long": lambda facts, value: _size(facts, value, "value"),
    "list": lambda facts, value: _size(facts, len(value), "length"),
    "map": lambda facts, value: _size(facts, len(value), "length"),
}

# What is inside: (shape's name, step of the path, value)
_CHILDREN: dict[str, Callable[[Facts, Any], Iterator[tuple[str, str, Any]]]] = {
    "structure": lambda facts, value: (
        (shape, key, value.get(key)) for key, shape in facts["members"].items() if key in value
    ),
    "list": lambda facts, value: ((facts["member"], f"{n}.member", item) for n, item in enumerate(value, 1)),
    "map": lambda facts, value: ((facts["value"], f"{key}.member", item) for key, item in value.items()),
}


# Types

_PYTHON: dict[str, tuple[type | tuple[type, ...], str]] = {
    "string": (str, "String"),
    "integer": (int, "Integer"),
    "long": (int, "Long"),
    "float": ((int, float), "Float"),
    "double": ((int, float), "Double"),
    "boolean": (bool, "Boolean"),
    "timestamp": ((int, float), "Timestamp"),
    "blob": ((str, bytes), "Blob"),
}
_JSON = {str: "STRING_VALUE", int: "NUMBER_VALUE", float: "DECIMAL_VALUE"}


def _check_type(type_: str, value: Any) -> None:
    if type_ in ("structure", "map"):
        if not isinstance(value, dict):
            raise SerializationException("Unexpected token: expected start of structure or map")
    elif type_ == "list":
        if not isinstance(value, list):
            raise SerializationException("Unexpected token: expected start of list")
    elif isinstance(value, dict | list):
        raise SerializationException(
            f"Start of {'list' if isinstance(value, list) else 'structure or map'} found where not expected."
        )
    else:
        types, called = _PYTHON[type_]
        if not isinstance(value, types) or (isinstance(value, bool) and type_ != "boolean"):
            found = f"{str(value).upper()}_VALUE" if isinstance(value, bool) else _JSON[type(value)]
            raise SerializationException(
                f"{found} can not be converted to {'an' if called[0] == 'I' else 'a'} {called}"
            )
