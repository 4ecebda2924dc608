"""The filter of a JSONPath, `[?(@.status == 0 && @.name)]`: it becomes a function from (item, root) to bool."""

from collections.abc import Callable
from typing import Any, Protocol

from stepwell.asl.cursor import Cursor

Test = Callable[[Any, Any], bool]
Operand = Callable[[Any, Any], Any]
_ABSENT: Any = object()
_KEYWORDS = {"true": True, "false": False, "null": None}


class _Path(Protocol):
    @property
    def definite(self) -> bool: ...
    @property
    def read(self) -> Callable[[Any], Any]: ...


ParsePath = Callable[[Cursor], _Path]


def parse_filter(cursor: Cursor, parse_path: ParsePath) -> Test:
    """Reads up to the closing parenthesis, which is left for the caller."""
    either = _all_of(cursor, parse_path)
    cursor.blanks()
    while cursor.take("||"):
        either = _either(either, _all_of(cursor, parse_path))
        cursor.blanks()
    return either


def _either(left: Test, right: Test) -> Test:
    return lambda item, root: left(item, root) or right(item, root)


def _both(left: Test, right: Test) -> Test:
    return lambda item, root: left(item, root) and right(item, root)


def _all_of(cursor: Cursor, parse_path: ParsePath) -> Test:
    test = _single(cursor, parse_path)
    cursor.blanks()
    while cursor.take("&&"):
        test = _both(test, _single(cursor, parse_path))
        cursor.blanks()
    return test


def _single(cursor: Cursor, parse_path: ParsePath) -> Test:
    cursor.blanks()
    if cursor.take("!"):
        inner = _single(cursor, parse_path)
        return lambda item, root: not inner(item, root)
    if cursor.take("("):
        inner = parse_filter(cursor, parse_path)
        cursor.expect(")")
        return inner
    return _comparison(cursor, parse_path)


def _comparison(cursor: Cursor, parse_path: ParsePath) -> Test:
    left = _operand(cursor, parse_path)
    cursor.blanks()
    if cursor.take("=~"):
        return _pattern(cursor, left)
    for sign, compare in _COMPARE.items():
        if cursor.take(sign):
            right = _operand(cursor, parse_path)
            return _compared(left, compare, right)
    return lambda item, root: left(item, root) is not _ABSENT


def _compared(left: Operand, compare: Callable[[Any, Any], bool], right: Operand) -> Test:
    def test(item: Any, root: Any) -> bool:
        one, other = left(item, root), right(item, root)
        return one is not _ABSENT and other is not _ABSENT and compare(one, other)

    return test


def _operand(cursor: Cursor, parse_path: ParsePath) -> Operand:
    cursor.blanks()
    if cursor.looking_at("@") or cursor.looking_at("$"):
        return _followed(cursor.looking_at("@"), parse_path(cursor))
    constant = _constant(cursor)
    return lambda item, root: constant


def _constant(cursor: Cursor) -> Any:
    cursor.blanks()
    if cursor.looking_at("'") or cursor.looking_at('"'):
        return cursor.quoted().replace("\\'", "'").replace('\\"', '"')
    if cursor.take("["):
        return _constants(cursor)
    for word, value in _KEYWORDS.items():
        if cursor.take(word):
            return value
    number = cursor.number()
    if number is None:
        cursor.fail("a value")
    return number


def _constants(cursor: Cursor) -> list[Any]:
    items: list[Any] = []
    cursor.blanks()
    while not cursor.take("]"):
        items.append(_constant(cursor))
        cursor.blanks()
        cursor.take(",")
    return items


def _followed(from_item: bool, path: _Path) -> Operand:
    read, definite = path.read, path.definite

    def operand(item: Any, root: Any) -> Any:
        try:
            found = read(item if from_item else root)
        except LookupError:
            return _ABSENT
        return found if definite or found else _ABSENT

    return operand


def _pattern(cursor: Cursor, left: Operand) -> Test:
    import re

    cursor.blanks()
    cursor.expect("/")
    start = cursor.position
    while cursor.position < len(cursor.text) and not cursor.looking_at("/"):
        cursor.position += 2 if cursor.looking_at("\\") else 1
    source = cursor.text[start : cursor.position]
    cursor.expect("/")
    try:
        pattern = re.compile(source, re.IGNORECASE if cursor.take("i") else 0)
    except re.error:
        cursor.fail("a regular expression")

    def test(item: Any, root: Any) -> bool:
        value = left(item, root)
        return isinstance(value, str) and pattern.fullmatch(value) is not None

    return test


def _kind(value: Any) -> str:
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def _same(left: Any, right: Any) -> bool:
    return _kind(left) == _kind(right) and bool(left == right)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda left, right: _kind(left) == _kind(right) in ("number", "str") and compare(left, right)


def _contains(left: Any, right: Any) -> bool:
    if isinstance(left, str):
        return isinstance(right, str) and right in left
    return isinstance(left, list) and any(_same(item, right) for item in left)


# In the order in which they must be tried: the longer sign before its beginning.
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": _same,
    "!=": lambda left, right: not _same(left, right),
    "<=": _ordered(lambda left, right: left <= right),
    ">=": _ordered(lambda left, right: left >= right),
    "<": _ordered(lambda left, right: left < right),
    ">": _ordered(lambda left, right: left > right),
    "in ": lambda left, right: _contains(right, left),
    "nin ": lambda left, right: not _contains(right, left),
    "contains ": _contains,
    "size ": lambda left, right: isinstance(left, list | str) and len(left) == right,
    "empty ": lambda left, right: isinstance(left, list | str) and (not left) is right,
}
