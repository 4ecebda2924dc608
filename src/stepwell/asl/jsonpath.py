"""JSONPath as Step Functions reads it (Jayway's dialect and its texts): a path becomes a closure, once.

A definite path (names and single indexes) gives one value or raises PathNotFound. Any other path gives the list of what
it finds, which is empty where nothing matches: AWS does that even where a parent is missing. The dialect is that of
Jayway 2.0, which counts from the end as [(@.length-1)] and has no functions: length() is a name there.
"""

from collections.abc import Callable
from functools import reduce
from operator import getitem
from typing import Any, NamedTuple

from stepwell.asl.cursor import Cursor
from stepwell.asl.jsonfilter import ABSENT, Filter, Operand, Test
from stepwell.asl.payload import dumps

# A name, names, an index, or, for what can find several things, a function from (nodes, root) to nodes.
Fan = Callable[[list[Any], Any], list[Any]]
Place = str | tuple[str, ...] | int
Step = Place | Fan
Read = Callable[[Any], Any]


class FromEnd(int):
    """An index that counts from the end."""

    def __str__(self) -> str:
        return f"(@.length-{int(self)})"


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
    while cursor.looking_at(".", "["):
        _step(cursor, steps)
    plain = tuple(step for step in steps if not callable(step))
    if len(plain) < len(steps):
        return Path(False, _indefinite(steps), None)
    return Path(True, _definite(plain), _reference(plain))


def _reference(steps: tuple[Place, ...]) -> tuple[str | int, ...] | None:
    named = tuple(step for step in steps if not (isinstance(step, tuple | FromEnd) or str(step).endswith("()")))
    return named if len(named) == len(steps) else None


def _step(cursor: Cursor, steps: list[Step]) -> None:
    if cursor.take(".."):
        steps.append(_descendants)
    else:
        cursor.take(".")
    if cursor.take("["):
        steps.append(_bracket(cursor))
    elif cursor.take("*"):
        steps.append(_children)
    else:
        steps.append(cursor.name() + ("()" if cursor.take("()") else ""))


def _bracket(cursor: Cursor) -> Step:
    cursor.blanks()
    if cursor.looking_at("'", '"'):
        names = _quoted_names(cursor)
        step: Step = names[0] if len(names) == 1 else tuple(names)
    elif cursor.take("*"):
        step = _children
    elif cursor.take("?("):
        step = _matching(Filter(cursor, _operand).test())
        cursor.expect(")")
    else:
        step = _indexes(cursor)
    cursor.blanks()
    cursor.expect("]")
    return step


def _quoted_names(cursor: Cursor) -> list[str]:
    names: list[str] = []
    while not names or cursor.take(","):
        cursor.blanks()
        # Only a quote needs its backslash away: AWS leaves any other backslash in a name (recorded 2025-02-02).
        names.append(cursor.quoted().replace("\\'", "'"))
        cursor.blanks()
    return names


def _indexes(cursor: Cursor) -> Step:
    if last := cursor.match(r"\(@\.length-\d+\)"):
        return FromEnd(last.removeprefix("(@.length-")[:-1])
    first = cursor.integer()
    if cursor.take(":"):
        end = cursor.integer()
        if first is None and end is None:
            cursor.fail("a number")
        return _sliced(slice(first, end))
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


def _definite(steps: tuple[Place, ...]) -> Read:
    split = any(type(step) is tuple for step in steps[:-1])  # which finds nothing
    follow = getitem if split or all(type(step) is str for step in steps) else _item

    def read(value: Any) -> Any:
        try:
            return reduce(follow, steps, value)
        except (KeyError, IndexError, TypeError):
            raise PathNotFound(_why(steps, value)) from None

    return read


def _item(node: Any, step: Any) -> Any:
    """Python would give a character of a text, too, and count from the end."""
    if type(step) is tuple:
        return {name: node[name] for name in step if name in node} if type(node) is dict else node[step]
    if type(step) is str:
        return node[step]
    if type(node) is not list:
        raise TypeError
    return node[_index(node, step)]


def _index(node: list[Any], step: int) -> int:
    index = len(node) - step if type(step) is FromEnd else step
    return index if index >= 0 else len(node)


def _why(steps: tuple[Place, ...], value: Any) -> str:
    """Jayway's reason why a definite path finds nothing."""
    node, is_node, here = value, True, "$"  # what it finds under a name is a value, and Jackson's node otherwise
    for depth, step in enumerate(steps, 1):
        if isinstance(step, int):
            if node is None and not is_node:
                return f"The path {here} is null"
            if type(node) is not list:
                shown = dumps(node) if is_node or type(node) is dict else java(node)
                return f"Filter: [{step}] can only be applied to arrays. Current context is: {shown}"
            is_node = _index(node, step) < len(node)
            node, here = node[_index(node, step)] if is_node else None, f"{here}[{step}]"
            continue
        names = [step] if type(step) is str else step
        there = "[" + ", ".join([f"'{name}'" for name in names]) + "]"
        if type(node) is not dict:
            return f"Property {there} not found in path {here}"
        here += there
        if type(step) is tuple:
            return f"Multi properties can only be used as path leafs: {here}"
        if step not in node:
            return f"{'No results for path:' if depth == len(steps) else 'Missing property in path'} {here}"
        node, is_node = node[step], False
    return f"No results for path: {here}"


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
    if type(step) is tuple:
        return [_item(node, step) for node in nodes if type(node) is dict]
    return [node[at] for node in nodes if type(node) is list and (at := _index(node, step)) < len(node)]


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
