"""What AWS says of a text that is no JSON: the words of Jackson, the parser behind its API."""

import json
import re
from string import ascii_letters, digits
from typing import Any

_VALUES = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
_WORD = ascii_letters + digits + "_$"
_DEEPEST = 1000
_UNEXPECTED = {
    "Expecting property name enclosed in double quotes": "was expecting double-quote to start field name",
    "Expecting ':' delimiter": "was expecting a colon to separate field name and value",
    "Expecting value": f"expected a valid value {_VALUES}",
    "Extra data": f"was expecting {_VALUES}",
}


def complaint(text: str) -> str | None:
    """Why this is no JSON; None if it is."""
    try:
        json.loads(text, parse_constant=no_constant)
    except json.JSONDecodeError as error:
        return _told(text, error.pos, error.msg)
    except RecursionError:
        return (
            f"Document nesting depth ({_DEEPEST + 1}) exceeds the maximum allowed ({_DEEPEST}, from "
            "`StreamReadConstraints.getMaxNestingDepth()`)"
        )
    except ValueError as error:  # one of Python's own constants
        return f"Unrecognized token '{error}': was expecting {_VALUES}"
    return None


def no_constant(constant: str) -> Any:
    """Python reads NaN and Infinity, which are no JSON."""
    raise ValueError(constant)


def _told(text: str, at: int, what: str) -> str:
    """What Python's parser says at this place, in Jackson's words."""
    if not text.strip():
        return "Invalid execution input."
    if what.startswith("Unterminated string"):
        return "Unexpected end-of-input: was expecting closing quote for a string value"
    if what.startswith("Invalid control character"):
        why = "has to be escaped using backslash to be included in string value"
        return f"Illegal unquoted character ((CTRL-CHAR, code {ord(text[at])})): {why}"
    if what.startswith("Invalid \\"):
        return f"Unrecognized character escape '{text[at + 1]}' (code {ord(text[at + 1])})"
    at = re.compile(r"\s*").match(text, at).end()  # type: ignore[union-attr]
    if at >= len(text):
        return _ended(text, what)
    character, glued = text[at], text[len(text[:at].rstrip(_WORD)) : at]
    word = re.compile(r"[\w$]*").match(text, at)[0]  # type: ignore[index]
    if word and (what == "Expecting value" or glued.isalpha()):
        return f"Unrecognized token '{glued}{word}': was expecting {_VALUES}"
    told = _UNEXPECTED.get(what) or f"was expecting comma to separate {_opened(text, at)[0]} entries"
    if word and glued:
        told = "Expected space separating root-level values"
    return f"Unexpected character ('{character}' (code {ord(character)})): {told}"


def _ended(text: str, what: str) -> str:
    if what == "Expecting value" and not text.rstrip().endswith("["):
        return "Unexpected end-of-input within/between entries: was expecting a value"
    kind, start = _opened(text, len(text))
    lines = text[:start].split("\n")
    where = f"[Source: (String); line: {len(lines)}, column: {len(lines[-1]) + 1}]"
    return f"Unexpected end-of-input: expected close marker for {kind} (start marker at {where})"


def _opened(text: str, end: int) -> tuple[str, int]:
    """What is open at a place, and where it began."""
    opened = [("Object", 0)]
    for found in re.finditer(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', text[:end]):
        if found[0] in "[{":
            opened.append(("Array" if found[0] == "[" else "Object", found.start()))
        elif found[0] in "]}" and len(opened) > 1:
            opened.pop()
    return opened[-1]
