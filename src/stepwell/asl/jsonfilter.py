"""The filter of a JSONPath, `[?(@.status == 0 && @.name)]`: it becomes a function from (item, root) to bool."""

import re
from collections.abc import Callable, Iterable
from operator import ge, gt, le, lt
from typing import Any

from stepwell.asl.cursor import Cursor

Test = Callable[[Any, Any], bool]
Operand = Callable[[Any, Any], Any]
Compare = Callable[[Any, Any], bool]
ABSENT: Any = object()  # what a path gives that leads nowhere


class Filter:
    """A filter that is being read; `path` reads a path within it, and gives an operand."""

    def __init__(self, cursor: Cursor, path: Callable[[Cursor], Operand]) -> None:
        self.cursor = cursor
        self.path = path

    def test(self) -> Test:
        """Reads up to the closing parenthesis, which is left for the caller."""
        return self._joined("||", any, self._all_of)

    def _all_of(self) -> Test:
        return self._joined("&&", all, self._single)

    def _joined(self, sign: str, combine: Callable[[Iterable[bool]], bool], part: Callable[[], Test]) -> Test:
        tests = [part()]
        self.cursor.blanks()
        while self.cursor.take(sign):
            tests.append(part())
            self.cursor.blanks()
        return tests[0] if len(tests) == 1 else lambda item, root: combine(test(item, root) for test in tests)

    def _single(self) -> Test:
        self.cursor.blanks()
        if self.cursor.take("!"):
            inner = self._single()
            return lambda item, root: not inner(item, root)
        if self.cursor.take("("):
            inner = self.test()
            self.cursor.expect(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Test:
        left = self._operand()
        self.cursor.blanks()
        if self.cursor.take("=~"):
            return self._pattern(left)
        for sign, compare in _COMPARE.items():
            if self.cursor.take(sign):
                return _compared(left, compare, self._operand())
        return lambda item, root: left(item, root) is not ABSENT

    def _operand(self) -> Operand:
        self.cursor.blanks()
        if self.cursor.looking_at("@", "$"):
            return self.path(self.cursor)
        constant = self._constant()
        return lambda item, root: constant

    def _constant(self) -> Any:
        self.cursor.blanks()
        if self.cursor.looking_at("'", '"'):
            return self.cursor.quoted().replace("\\'", "'").replace('\\"', '"')
        if not self.cursor.take("["):
            return self.cursor.literal("a value")
        items: list[Any] = []
        self.cursor.blanks()
        while not self.cursor.take("]"):
            items.append(self._constant())
            self.cursor.blanks()
            self.cursor.take(",")
        return items

    def _pattern(self, left: Operand) -> Test:
        self.cursor.blanks()
        self.cursor.expect("/")
        source = self.cursor.match(r"(\\.|[^\\/])*")
        self.cursor.expect("/")
        try:
            pattern = re.compile(source, re.IGNORECASE if self.cursor.take("i") else 0)
        except re.error:
            self.cursor.fail("a regular expression")

        def test(item: Any, root: Any) -> bool:
            value = left(item, root)
            return isinstance(value, str) and pattern.fullmatch(value) is not None

        return test


def _compared(left: Operand, compare: Compare, right: Operand) -> Test:
    def test(item: Any, root: Any) -> bool:
        one, other = left(item, root), right(item, root)
        return one is not ABSENT and other is not ABSENT and compare(one, other)

    return test


def _kind(value: Any) -> str:
    return "number" if type(value) in (int, float) else type(value).__name__


def _same(left: Any, right: Any) -> bool:
    return _kind(left) == _kind(right) and bool(left == right)


def _ordered(compare: Compare) -> Compare:
    return lambda left, right: _kind(left) == _kind(right) in ("number", "str") and compare(left, right)


def _contains(left: Any, right: Any) -> bool:
    if isinstance(left, str):
        return isinstance(right, str) and right in left
    return isinstance(left, list) and any(_same(item, right) for item in left)


# In the order in which they must be tried: the longer sign before its beginning.
_COMPARE: dict[str, Compare] = {
    "==": _same,
    "!=": lambda left, right: not _same(left, right),
    "<=": _ordered(le),
    ">=": _ordered(ge),
    "<": _ordered(lt),
    ">": _ordered(gt),
    "in ": lambda left, right: _contains(right, left),
    "nin ": lambda left, right: not _contains(right, left),
    "contains ": _contains,
    "size ": lambda left, right: isinstance(left, list | str) and len(left) == right,
    "empty ": lambda left, right: isinstance(left, list | str) and (not left) is right,
}
