"""JSONPath as Step Functions reads it (Jayway's dialect and its texts): a path becomes a closure, once.

A definite path (names and single indexes) gives one value or raises PathNotFound. Any other path gives the list of what
it finds, which is empty where nothing matches: AWS does that even where a parent is missing. AWS reads Jackson's nodes,
in which functions find no numbers.
"""

from collections.abc import Callable
from functools import reduce
from operator import getitem
from typing import Any, NamedTuple

from stepwell.asl.cursor import Cursor
from stepwell.asl.jsonfilter import ABSENT, Filter, Operand, Test
from stepwell.asl.payload import dumps

# A name, an index, or, for what can find several things, a function from (nodes, root) to nodes.
Fan = Callable[[list[Any], Any], list[Any]]
Step = str | int | Fan
Read = Callable[[Any], Any]

# What Jayway calls a value: Jackson's node, or, found under a name, the value in it.
_NODES = {type(None): "Null", str: "Text", int: "Int", float: "Double", bool: "Boolean", list: "Array"}
_JAVA = {str: "String", int: "Integer", float: "Double", bool: "Boolean"}
_PROVIDER = "com.jayway.jsonpath.spi.json.JacksonJsonNodeJsonProvider"


class PathNotFound(LookupError):
    """The path leads nowhere in this value; the text is Jayway's."""


class Path(NamedTuple):
    """A compiled path. `read(value)` follows it; `reference` has its steps if it names exactly one place."""

    definite: bool
    read: Read
    reference: tuple[str | int, ...] | None


def parse(cursor: Cursor) -> Path:
    """Reads the steps of a path, behind its $, its @ or the name of its variable."""
    steps: list[Step] = []
    tail: Read | None = None
    while tail is None and cursor.looking_at(".", "["):
        tail = _step(cursor, steps)
    plain = tuple(step for step in steps if not callable(step))
    if len(plain) < len(steps):
        return Path(False, _with_tail(_indefinite(steps), tail), None)
    return Path(True, _with_tail(_definite(plain), tail), None if tail else plain)


def _with_tail(read: Read, tail: Read | None) -> Read:
    if tail is None:
        return read

    def apply(value: Any) -> Any:
        try:
            return tail(read(value))
        except ValueError as problem:
            raise PathNotFound(str(problem)) from None

    return apply


def _step(cursor: Cursor, steps: list[Step]) -> Read | None:
    """Adds the next step; answers the function that ends the path, if that is what comes next."""
    if cursor.take(".."):
        steps.append(_descendants)
    else:
        cursor.take(".")
    if cursor.take("["):
        return _bracket(cursor, steps)
    if cursor.take("*"):
        steps.append(_children)
        return None
    name = cursor.name()
    if cursor.take("()"):
        if name not in _FUNCTIONS:
            cursor.fail("a path function")
        return _FUNCTIONS[name]
    steps.append(name)
    return None


def _bracket(cursor: Cursor, steps: list[Step]) -> Read | None:
    cursor.blanks()
    if cursor.looking_at("'", '"'):
        names = _quoted_names(cursor)
        cursor.expect("]")
        if len(names) > 1 and not cursor.looking_at(".", "["):
            return lambda value: {name: value[name] for name in names if name in _object(value)}
        steps.append(names[0] if len(names) == 1 else _named(names))
        return None
    if cursor.take("*"):
        steps.append(_children)
    elif cursor.take("?("):
        steps.append(_matching(Filter(cursor, _operand).test()))
        cursor.expect(")")
    else:
        steps.append(_indexes(cursor))
    cursor.blanks()
    cursor.expect("]")
    return None


def _quoted_names(cursor: Cursor) -> list[str]:
    names: list[str] = []
    while not names or cursor.take(","):
        cursor.blanks()
        # Only a quote needs its backslash away: AWS leaves any other backslash in a name (recorded 2025-02-02).
        names.append(cursor.quoted().replace("\\'", "'"))
        cursor.blanks()
    return names


def _indexes(cursor: Cursor) -> Step:
    first = cursor.integer()
    if cursor.take(":"):
        last = cursor.integer()
        if first is None and last is None:
            cursor.fail("a number")
        return _sliced(slice(first, last))
    if first is None:
        cursor.fail("an index, a name in quotes, *, or a filter")
    more = [first]
    while cursor.take(","):
        cursor.blanks()
        index = cursor.integer()
        if index is None:
            cursor.fail("an index")
        more.append(index)
    return first if len(more) == 1 else _picked(more)


# Definite paths


def _definite(steps: tuple[str | int, ...]) -> Read:
    follow = _item if any(type(step) is int for step in steps) else getitem

    def read(value: Any) -> Any:
        try:
            return reduce(follow, steps, value)
        except (KeyError, IndexError, TypeError):
            raise PathNotFound(_why(steps, value)) from None

    return read


def _item(node: Any, step: Any) -> Any:
    """Python would give a character of a text, too."""
    if type(step) is int and type(node) is not list:
        raise TypeError
    return node[step]


def _shown(steps: tuple[str | int, ...]) -> str:
    return "$" + "".join([f"[{step}]" if type(step) is int else f"['{step}']" for step in steps])


def _why(steps: tuple[str | int, ...], value: Any) -> str:
    """Jayway's reason why a definite path finds nothing."""
    node, is_node = value, True  # whether it is one of Jackson's
    for depth, step in enumerate(steps):
        here = _shown(steps[:depth])
        if type(step) is int:
            if node is None and not is_node:
                return f"The path {here} is null"
            if type(node) is not list:
                shown = dumps(node) if is_node or type(node) is dict else java(node)
                return f"Filter: [{step}] can only be applied to arrays. Current context is: {shown}"
            is_node = -len(node) <= step < len(node)
            if not is_node and depth == len(steps) - 1:
                break
            node = node[step] if is_node else None
            continue
        if type(node) is not dict:
            return (
                f"Expected to find an object with property ['{step}'] in path {here} but found "
                f"'{_class(node, is_node)}'. This is not a json object according to the JsonProvider: '{_PROVIDER}'."
            )
        if step not in node:
            if depth == len(steps) - 1:
                break
            return f"Missing property in path {_shown(steps[: depth + 1])}"
        node, is_node = node[step], False
    return f"No results for path: {_shown(steps)}"


def _class(value: Any, is_node: bool) -> str:
    kind = type(value)
    if is_node or kind is list:
        return f"com.fasterxml.jackson.databind.node.{_NODES[kind]}Node"
    return "null" if value is None else f"java.lang.{_JAVA[kind]}"


def java(value: Any) -> str:
    """A value as Java prints it, which is what AWS puts into formatted texts: {Arg1=1, Arg2=[]}."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join([f"{key}={java(item)}" for key, item in value.items()]) + "}"
    if isinstance(value, list):
        return "[" + ", ".join([java(item) for item in value]) + "]"
    if isinstance(value, float):
        return _double(value)
    return "null" if value is None else str(value).lower()


def _double(value: float) -> str:
    """As Double.toString: below a thousandth and from ten million on with an exponent."""
    if value == 0 or 0.001 <= abs(value) < 10_000_000:
        return repr(value)
    from decimal import Decimal

    sign, (first, *rest), exponent = Decimal(repr(value)).normalize().as_tuple()
    return f"{'-' * sign}{first}.{''.join(map(str, rest)) or 0}E{int(exponent) + len(rest)}"


# Paths that can find several things


def _indefinite(steps: list[Step]) -> Read:
    def read(value: Any) -> list[Any]:
        nodes = [value]
        for step in steps:
            nodes = step(nodes, value) if callable(step) else _each(nodes, step)
        return nodes

    return read


def _each(nodes: list[Any], step: Any) -> list[Any]:
    if type(step) is str:
        return [node[step] for node in nodes if type(node) is dict and step in node]
    return [node[step] for node in nodes if type(node) is list and -len(node) <= step < len(node)]


def _children(nodes: list[Any], root: Any) -> list[Any]:
    return [child for node in nodes for child in _inside(node)]


def _inside(node: Any) -> list[Any]:
    return node if type(node) is list else list(node.values()) if type(node) is dict else []


def _descendants(nodes: list[Any], root: Any) -> list[Any]:
    found: list[Any] = []
    pending = nodes[::-1]
    while pending:
        node = pending.pop()
        found.append(node)
        pending.extend(reversed(_inside(node)))
    return found


def _named(names: list[str]) -> Fan:
    return lambda nodes, root: [n[name] for n in nodes if type(n) is dict for name in names if name in n]


def _picked(indexes: list[int]) -> Fan:
    return lambda nodes, root: [found for node in nodes for index in indexes for found in _each([node], index)]


def _sliced(part: slice) -> Fan:
    return lambda nodes, root: [item for node in nodes if type(node) is list for item in node[part]]


def _matching(matches: Test) -> Fan:
    def fan(nodes: list[Any], root: Any) -> list[Any]:
        candidates = [item for node in nodes for item in (node if type(node) is list else [node])]
        return [item for item in candidates if matches(item, root)]

    return fan


def _operand(cursor: Cursor) -> Operand:
    """A path within a filter: from the item that is looked at, or from the root."""
    of_item, path = cursor.match("[@$]") == "@", parse(cursor)

    def operand(item: Any, root: Any) -> Any:
        try:
            found = path.read(item if of_item else root)
        except PathNotFound:
            return ABSENT
        return found if path.definite or found else ABSENT

    return operand


def _length(value: Any) -> Any:
    return len(value) if isinstance(value, list | dict) else None


def _object(value: Any) -> Any:
    if type(value) is not dict:
        raise ValueError("Expected to find an object")
    return value


def _aggregated(value: Any) -> Any:
    raise ValueError("Aggregation function attempted to calculate value using empty array")


_FUNCTIONS: dict[str, Read] = {
    "length": _length,
    "size": _length,
    "keys": lambda value: list(value) if type(value) is dict else None,
    **dict.fromkeys(("min", "max", "sum", "avg", "stddev"), _aggregated),
}
