"""A field's value that is looked up or computed: `$.path`, `$$.context.path`, or a call of an intrinsic function."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from stepwell.asl import intrinsics, jsonpath
from stepwell.asl.cursor import Cursor, InvalidExpression
from stepwell.asl.jsonpath import Path, PathNotFound
from stepwell.asl.payload import Payload, dumps
from stepwell.asl.scope import Scope
from stepwell.errors import StatesError

Read = Callable[[Payload, Scope], Any]
NO_INPUT = "Unable to apply Path transformation to null or empty input."


class Expression(NamedTuple):
    """`read(input, scope)` gives its value; a path that leads nowhere raises PathNotFound, a call StatesError."""

    text: str
    read: Read
    path: Path | None  # None: a call
    of_context: bool
    variable: str | None = None  # the name of the one in which the path is looked for

    def follow(self, payload: Payload, scope: Scope) -> Any:
        """As `read`, but a null input is followed like any other value, which Choice and Map need."""
        if self.path is None or self.of_context or self.variable:
            return self.read(payload, scope)
        return self.path.read(payload.value)

    def searched(self, payload: Payload, scope: Scope) -> str:
        """The text in which the path was looked for."""
        return dumps(scope.context()) if self.of_context else payload.text


def compile(text: str) -> Expression:  # noqa: A001
    """Raises InvalidExpression."""
    cursor = Cursor(text)
    expression = _call(cursor) if cursor.looking_at("States.") else _path(cursor)
    cursor.end()
    return expression


def compile_path(text: str) -> Expression:
    """Only a path, of the input or of the context object. Raises InvalidExpression."""
    expression = compile(text)
    if expression.path is None:
        raise InvalidExpression("a path must begin with $")
    return expression


def _path(cursor: Cursor) -> Expression:
    start = cursor.position
    if not cursor.take("$"):
        cursor.fail("$ or an intrinsic function")
    of_context = cursor.take("$")
    variable = None if of_context else cursor.match(r"[^\W\d]\w*") or None
    path = jsonpath.parse(cursor)
    read = _of_variable(variable, path.read) if variable else (_of_context if of_context else _of_input)(path.read)
    return Expression(cursor.text[start : cursor.position], read, path, of_context, variable)


def _of_variable(name: str, follow: Callable[[Any], Any]) -> Read:
    def read(payload: Payload, scope: Scope) -> Any:
        found = scope.variables.get(name)
        if found is None:
            raise PathNotFound(f"No results for path: ${name}")
        return follow(found.value)

    return read


def _of_context(follow: Callable[[Any], Any]) -> Read:
    return lambda payload, scope: follow(scope.context())


def _of_input(follow: Callable[[Any], Any]) -> Read:
    def read(payload: Payload, scope: Scope) -> Any:
        value = payload.value
        if value is None:
            raise StatesError("States.Runtime", NO_INPUT)
        return follow(value)

    return read


def _call(cursor: Cursor) -> Expression:
    start = cursor.position
    name = "States." + cursor.name() if cursor.take("States.") else ""
    function = intrinsics.FUNCTIONS.get(name)
    if function is None:
        cursor.fail("an intrinsic function")
    cursor.expect("(")
    arguments = _arguments(cursor, name)
    text = cursor.text[start : cursor.position]
    if len(arguments) < function.least or (function.most is not None and len(arguments) > function.most):
        cursor.fail(f"another number of arguments for {name}")
    return Expression(text, _called(text, function.call, tuple(arguments)), None, False)


def _arguments(cursor: Cursor, name: str) -> list[Expression]:
    arguments: list[Expression] = []
    cursor.blanks()
    if cursor.take(")"):
        return arguments
    while True:
        cursor.blanks()
        arguments.append(_argument(cursor, keep_escapes=name == "States.Format" and not arguments))
        cursor.blanks()
        if cursor.take(")"):
            return arguments
        cursor.expect(",")


def _argument(cursor: Cursor, keep_escapes: bool) -> Expression:
    if cursor.looking_at("States."):
        return _call(cursor)
    if cursor.looking_at("$"):
        return _path(cursor)
    if cursor.looking_at("'"):
        raw = cursor.quoted()
        plain = _unescaped(cursor, raw)
        return _constant(raw if keep_escapes else plain)
    return _constant(cursor.literal("an argument"))


def _unescaped(cursor: Cursor, raw: str) -> str:
    """Only these may be escaped: ' { } and the backslash itself. Anything else behind a backslash is refused."""

    def plain(escape: re.Match[str]) -> str:
        if escape[1] not in "'{}\\":
            cursor.fail("one of ' { } \\ behind a backslash")
        return escape[1]

    return re.sub(r"\\(.)", plain, raw, flags=re.DOTALL)


def _constant(value: Any) -> Expression:
    return Expression(repr(value), lambda payload, scope: value, None, False)


def _called(text: str, call: Callable[[list[Any], Scope], Any], arguments: tuple[Expression, ...]) -> Read:
    def read(payload: Payload, scope: Scope) -> Any:
        values = [_value(text, argument, payload, scope) for argument in arguments]
        try:
            return call(values, scope)
        except intrinsics.Refused as problem:
            raise StatesError("States.IntrinsicFailure", _failed(text, str(problem))) from None

    return read


def _value(call: str, argument: Expression, payload: Payload, scope: Scope) -> Any:
    try:
        return argument.read(payload, scope)
    except PathNotFound:
        where = argument.searched(payload, scope)
        why = f"The JsonPath argument for the field '{argument.text}' could not be found in the input '{where}'"
        raise StatesError("States.Runtime", _failed(call, why)) from None


def _failed(call: str, why: str) -> str:
    return f"The function '{call}' had the following error: {why}"
