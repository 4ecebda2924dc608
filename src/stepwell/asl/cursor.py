"""A place in a text that is being read: what paths, filters and intrinsic functions are parsed with."""

from typing import NoReturn

_NAME_ENDS = frozenset(".[]()' ,\"=<>!&|")


class SyntaxProblem(ValueError):
    """The text cannot be read; the message says where."""


class Cursor:
    __slots__ = ("position", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def fail(self, expected: str) -> NoReturn:
        raise self.problem(expected)

    def problem(self, expected: str) -> SyntaxProblem:
        return SyntaxProblem(f"expected {expected} at character {self.position + 1} of {self.text}")

    def looking_at(self, token: str) -> bool:
        return self.text.startswith(token, self.position)

    def take(self, token: str) -> bool:
        if not self.text.startswith(token, self.position):
            return False
        self.position += len(token)
        return True

    def expect(self, token: str) -> None:
        if not self.take(token):
            self.fail(repr(token))

    def blanks(self) -> None:
        while self.position < len(self.text) and self.text[self.position].isspace():
            self.position += 1

    def end(self) -> None:
        if self.position != len(self.text):
            self.fail("the end")

    def name(self) -> str:
        """A bare name, as after a dot."""
        start = self.position
        while self.position < len(self.text) and self.text[self.position] not in _NAME_ENDS:
            self.position += 1
        if start == self.position:
            self.fail("a name")
        return self.text[start : self.position]

    def integer(self) -> int | None:
        start = self.position
        self.take("-")
        while self.position < len(self.text) and self.text[self.position].isdecimal():
            self.position += 1
        digits = self.text[start : self.position]
        if digits in ("", "-"):
            self.position = start
            return None
        return int(digits)

    def number(self) -> int | float | None:
        start = self.position
        whole = self.integer()
        if whole is None or self.text[self.position : self.position + 1] not in (".", "e", "E"):
            return whole
        while self.position < len(self.text) and self.text[self.position] in "0123456789.eE+-":
            self.position += 1
        try:
            return float(self.text[start : self.position])
        except ValueError:
            self.fail("a number")

    def quoted(self) -> str:
        """The raw text between two quotes of a kind; a backslash keeps the quote behind it from ending it."""
        quote = self.text[self.position : self.position + 1]
        if quote not in ("'", '"'):
            self.fail("a quote")
        start = self.position = self.position + 1
        while self.position < len(self.text):
            if self.text[self.position] == "\\":
                self.position += 2
            elif self.text[self.position] == quote:
                self.position += 1
                return self.text[start : self.position - 1]
            else:
                self.position += 1
        self.position = start
        raise self.problem(f"a closing {quote}")
