"""What AWS says of a text that is no JSON: the words of Jackson, the parser behind its API."""

from string import ascii_letters, digits
from typing import NoReturn

_TOKEN = frozenset(ascii_letters + digits + "_$")
_EXPECTED = "was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
_ESCAPES = frozenset('"\\/bfnrtu')
_DEEPEST = 1000


class _Complaint(Exception):
    pass


def complaint(text: str) -> str:
    """Why this is no JSON."""
    if not text.strip():
        return "Invalid execution input."
    scanner = _Scanner(text)
    try:
        scanner.value(0)
        scanner.space()
        if scanner.at < len(text):
            scanner.unexpected(_EXPECTED)
    except _Complaint as told:
        return str(told)
    return "Invalid execution input."


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def value(self, depth: int) -> None:
        if depth > _DEEPEST:
            raise _Complaint(
                f"Document nesting depth ({depth}) exceeds the maximum allowed ({_DEEPEST}, from "
                "`StreamReadConstraints.getMaxNestingDepth()`)"
            )
        self.space()
        first = self.peek("a value")
        if first == "{":
            self.object(depth)
        elif first == "[":
            self.array(depth)
        elif first == '"':
            self.string()
        elif first in "-0123456789":
            self.number()
        else:
            self.word()

    def object(self, depth: int) -> None:
        start = self.at
        self.at += 1
        self.space()
        if self.take("}", start, "Object"):
            return
        while True:
            self.space()
            if self.peek_or_end(start, "Object") != '"':
                self.unexpected("was expecting double-quote to start field name")
            self.string()
            self.space()
            if self.peek_or_end(start, "Object") != ":":
                self.unexpected("was expecting a colon to separate field name and value")
            self.at += 1
            self.value(depth + 1)
            self.space()
            if self.take("}", start, "Object"):
                return
            self.comma("Object")

    def array(self, depth: int) -> None:
        start = self.at
        self.at += 1
        self.space()
        if self.take("]", start, "Array"):
            return
        while True:
            self.value(depth + 1)
            self.space()
            if self.take("]", start, "Array"):
                return
            self.comma("Array")

    def comma(self, kind: str) -> None:
        if self.text[self.at] != ",":
            self.unexpected(f"was expecting comma to separate {kind} entries")
        self.at += 1

    def string(self) -> None:
        self.at += 1
        while True:
            if self.at >= len(self.text):
                raise _Complaint("Unexpected end-of-input: was expecting closing quote for a string value")
            character = self.text[self.at]
            self.at += 1
            if character == '"':
                return
            if character < " ":
                raise _Complaint(
                    f"Illegal unquoted character ((CTRL-CHAR, code {ord(character)})): "
                    "has to be escaped using backslash to be included in string value"
                )
            if character == "\\":
                self.escape()

    def escape(self) -> None:
        following = self.text[self.at : self.at + 1]
        if following and following not in _ESCAPES:
            raise _Complaint(f"Unrecognized character escape '{following}' (code {ord(following)})")
        self.at += 1

    def number(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in "+-.eE0123456789":
            self.at += 1
        if self.at < len(self.text) and self.text[self.at] not in " \t\r\n,]}":
            self.unexpected("Expected space separating root-level values")

    def word(self) -> None:
        start = self.at
        while self.at < len(self.text) and (self.text[self.at] in _TOKEN or self.text[self.at].isalnum()):
            self.at += 1
        word = self.text[start : self.at]
        if not word:
            self.unexpected(
                "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
            )
        if word not in ("true", "false", "null"):
            raise _Complaint(f"Unrecognized token '{word}': {_EXPECTED}")

    def space(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in " \t\r\n":
            self.at += 1

    def peek(self, what: str) -> str:
        if self.at >= len(self.text):
            raise _Complaint(f"Unexpected end-of-input within/between entries: was expecting {what}")
        return self.text[self.at]

    def peek_or_end(self, start: int, kind: str) -> str:
        if self.at < len(self.text):
            return self.text[self.at]
        lines = self.text[:start].split("\n")
        raise _Complaint(
            f"Unexpected end-of-input: expected close marker for {kind} "
            f"(start marker at [Source: (String); line: {len(lines)}, column: {len(lines[-1]) + 1}])"
        )

    def take(self, end: str, start: int, kind: str) -> bool:
        if self.peek_or_end(start, kind) != end:
            return False
        self.at += 1
        return True

    def unexpected(self, told: str) -> NoReturn:
        character = self.text[self.at]
        raise _Complaint(f"Unexpected character ('{character}' (code {ord(character)})): {told}")
