"""A field's value that is looked up or computed: `$.path`, `$$.context.path`, or a call of an intrinsic function."""

from collections.abc import Callable
from typing import Any, NamedTuple

from stepwell.asl import intrinsics, jsonpath
from stepwell.asl.cursor import Cursor, SyntaxProblem
from stepwell.asl.jsonpath import Path, PathNotFound
from stepwell.asl.payload import Payload, dumps
from stepwell.asl.scope import Scope
from stepwell.errors import StatesError

Read = Callable[[Payload, Scope], Any]
NO_INPUT = "Unable to apply Path transformation to null or empty input."


class InvalidExpression(ValueError):
    """This is neither a path nor a call."""


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
    try:
        cursor = Cursor(text)
        expression = _call(cursor) if cursor.looking_at("States.") else _path(cursor)
        cursor.end()
    except SyntaxProblem as problem:
        raise InvalidExpression(str(problem)) from None
    return expression


def compile_path(text: str) -> Expression:
    """Only a path, of the input or of the context object. Raises InvalidExpression."""
    expression = compile(text)
    if expression.path is None:
        raise InvalidExpression("a path must begin with $")
    return expression


def _path(cursor: Cursor) -> Expression:
    start = cursor.position
    if not cursor.looking_at("$"):
        cursor.fail("$ or an intrinsic function")
    of_context = cursor.looking_at("$$")
    cursor.position += of_context
    name = None if of_context else _variable_name(cursor)
    path = jsonpath.parse(cursor)
    read = _of_context(path.read) if of_context else _of_variable(name, path.read) if name else _of_input(path.read)
    return Expression(cursor.text[start : cursor.position], read, path, of_context, name)


def _variable_name(cursor: Cursor) -> str | None:
    """Of `$name.a`; what follows is read as a path whose $ is the name's last character."""
    end = cursor.position + 1
    while cursor.text[cursor.position + 1 : end + 1].isidentifier() and end < len(cursor.text):
        end += 1
    name = cursor.text[cursor.position + 1 : end]
    if name:
        cursor.position = end - 1
    return name or None


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
    for word, value in (("true", True), ("false", False), ("null", None)):
        if cursor.take(word):
            return _constant(value)
    number = cursor.number()
    if number is None:
        cursor.fail("an argument")
    return _constant(number)


def _unescaped(cursor: Cursor, raw: str) -> str:
    """Only these may be escaped: ' { } and the backslash itself. Anything else behind a backslash is refused."""
    if "\\" not in raw:
        return raw
    plain, escaped = "", False
    for character in raw:
        if escaped and character not in "'{}\\":
            cursor.fail("one of ' { } \\ behind a backslash")
        if escaped or character != "\\":
            plain += character
            escaped = False
        else:
            escaped = True
    return plain


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
