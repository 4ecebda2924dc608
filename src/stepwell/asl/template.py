"""Payload templates (Parameters, ResultSelector, ItemSelector …): compiled once, then filled in.

AWS keeps an object's plain fields in their order and puts the computed ones behind them, in the order of a Java
HashMap (found in the histories that it wrote). Texts are compared by those who read them, so that order is kept here.
"""

from collections.abc import Callable
from typing import Any

from stepwell.asl import expression
from stepwell.asl.cursor import InvalidExpression
from stepwell.asl.expression import Expression
from stepwell.asl.jsonpath import PathNotFound
from stepwell.asl.payload import Payload
from stepwell.asl.scope import Scope
from stepwell.errors import StatesError

Fill = Callable[[Payload, Scope], Any]


class InvalidTemplate(ValueError):
    """A field that ends in .$ has no path and no intrinsic function."""


def compile(template: Any) -> Fill:  # noqa: A001
    """Raises InvalidTemplate."""
    return _compiled(template) or (lambda payload, scope: template)


def _compiled(template: Any) -> Fill | None:
    """None: the template is a constant."""
    if isinstance(template, dict):
        return _object(template)
    if isinstance(template, list):
        return array(template, [_compiled(item) for item in template])
    return None


def _object(template: dict[str, Any]) -> Fill | None:
    plain = {key: _compiled(value) for key, value in template.items() if not key.endswith(".$")}
    computed = {key[:-2]: _computed(key, value) for key, value in template.items() if key.endswith(".$")}
    filled = [(key, fill) for key, fill in plain.items() if fill]
    filled += [(key, computed[key]) for key in hash_map_order(list(computed))]
    if not filled:
        return None
    constants = {key: template[key] for key in plain}

    def fill(payload: Payload, scope: Scope) -> dict[str, Any]:
        result = constants.copy()
        for key, value in filled:
            result[key] = value(payload, scope)
        return result

    return fill


def array(template: list[Any], fills: list[Fill | None]) -> Fill | None:
    """Of the items, those that have a fill are filled in; None: there is no such item."""
    if not any(fills):
        return None
    pairs = list(zip(fills, template, strict=True))
    return lambda payload, scope: [fill(payload, scope) if fill else item for fill, item in pairs]


def _computed(key: str, text: Any) -> Fill:
    try:
        if not isinstance(text, str):
            raise InvalidExpression
        found = expression.compile(text)
    except InvalidExpression:
        what = f"The value for the field '{key}' must be a valid JSONPath or a valid intrinsic function call"
        raise InvalidTemplate(what) from None
    return looked_up(found, key)


def looked_up(found: Expression, field: str) -> Fill:
    """The value of an expression, where a path that leads nowhere fails the state with AWS's text."""
    read = found.read
    if found.path is None:
        return read

    def fill(payload: Payload, scope: Scope) -> Any:
        try:
            return read(payload, scope)
        except PathNotFound:
            where = found.searched(payload, scope)
            what = f"The JSONPath '{found.text}' specified for the field '{field}'"
            raise StatesError("States.Runtime", f"{what} could not be found in the input '{where}'") from None

    return fill


def hash_map_order(keys: list[str]) -> list[str]:
    """The order in which a java.util.HashMap lists these keys, put in one after the other."""
    size = 16
    while len(keys) > size * 3 // 4:
        size *= 2
    buckets: list[list[str]] = [[] for _ in range(size)]
    for key in keys:
        code = _java_hash(key)
        buckets[(code ^ code >> 16) % size].append(key)
    return [key for bucket in buckets for key in bucket]


def _java_hash(text: str) -> int:
    units = text.encode("utf-16-be", "surrogatepass")
    code = 0
    for at in range(0, len(units), 2):
        code = (31 * code + (units[at] << 8 | units[at + 1])) & 0xFFFFFFFF
    return code
