"""A place in a text that is being read: what paths, filters and intrinsic functions are parsed with."""

import re
from typing import Any, NoReturn

_NAME = r"""[^.\[\]()' ,"=<>!&|]+"""
_INTEGER = r"-?\d+"
_WORDS = {"true": True, "false": False, "null": None}


class InvalidExpression(ValueError):
    """This is neither a path nor a call; the message says where reading stopped."""


class Cursor:
    __slots__ = ("position", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def fail(self, expected: str) -> NoReturn:
        raise InvalidExpression(f"expected {expected} at character {self.position + 1} of {self.text}")

    def looking_at(self, *tokens: str) -> bool:
        return self.text.startswith(tokens, self.position)

    def take(self, token: str) -> bool:
        if not self.looking_at(token):
            return False
        self.position += len(token)
        return True

    def expect(self, token: str) -> None:
        if not self.take(token):
            self.fail(repr(token))

    def match(self, pattern: str) -> str:
        """Takes what the regular expression matches here, which may be nothing."""
        found = re.compile(pattern, re.DOTALL).match(self.text, self.position)
        if found is None:
            return ""
        self.position = found.end()
        return found[0]

    def blanks(self) -> None:
        self.match(r"\s*")

    def end(self) -> None:
        if self.position != len(self.text):
            self.fail("the end")

    def name(self) -> str:
        """A bare name, as after a dot."""
        return self.match(_NAME) or self.fail("a name")

    def integer(self) -> int | None:
        digits = self.match(_INTEGER)
        return int(digits) if digits else None

    def quoted(self) -> str:
        """The raw text between two quotes of a kind; a backslash keeps the quote behind it from ending it."""
        quote = self.match("['\"]") or self.fail("a quote")
        found = self.match(rf"(\\.|[^\\{quote}])*{quote}") or self.fail(f"a closing {quote}")
        return found[:-1]

    def literal(self, expected: str) -> Any:
        """A number, true, false or null."""
        for word, value in _WORDS.items():
            if self.take(word):
                return value
        whole = self.match(_INTEGER) or self.fail(expected)
        if not self.looking_at(".", "e", "E"):
            return int(whole)
        try:
            return float(whole + self.match(r"[0-9.eE+-]*"))
        except ValueError:
            self.fail("a number")


def pieces(text: str, mark: str, escaped: str) -> list[str]:
    """The texts around each mark; a backslash makes plain what it stands before, if `escaped` matches that."""
    found = [""]
    for plain, other in re.findall(rf"\\({escaped})|({re.escape(mark)}|.)", text, re.DOTALL):
        if other == mark:
            found.append("")
        else:
            found[-1] += plain or other
    return found
