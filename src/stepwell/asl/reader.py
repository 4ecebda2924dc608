"""Reads one object of a definition field by field and notes each mistake with its address."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from stepwell.asl import expression, jsonata, template
from stepwell.asl.boxes import InvalidQuery
from stepwell.asl.cursor import InvalidExpression
from stepwell.asl.expression import Expression
from stepwell.asl.payload import Payload
from stepwell.asl.scope import Scope
from stepwell.asl.template import Fill, InvalidTemplate


class Problem(NamedTuple):
    """A mistake in a definition. `code` is one of ValidateStateMachineDefinition's; a `warning` refuses nothing."""

    code: str
    what: str
    at: str
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.what} at {self.at}"


class Reader:
    """`at` is the object's address; what is wrong is added to `problems`, which all readers of a definition share.

    `jsonata` says which query language its fields are in, `state` is the address of the state that they belong to.
    """

    __slots__ = ("at", "fields", "jsonata", "problems", "state")

    def __init__(
        self, fields: dict[str, Any], at: str, problems: list[Problem], jsonata: bool = False, state: str = ""
    ) -> None:
        self.fields = fields
        self.at = at
        self.problems = problems
        self.jsonata = jsonata
        self.state = state

    def within(self, fields: dict[str, Any], at: str) -> "Reader":
        return Reader(fields, at, self.problems, self.jsonata, self.state)

    def refuse(self, what: str, field: str = "", code: str = "SCHEMA_VALIDATION_FAILED") -> None:
        self.problems.append(Problem(code, what, self.address(field) if field else self.at or "/"))

    def warn(self, what: str, field: str, code: str) -> None:
        self.problems.append(Problem(code, what, self.address(field), warning=True))

    def address(self, field: str) -> str:
        return f"{self.at}/{field}"

    def has(self, field: str) -> bool:
        return field in self.fields

    def require(self, *names: str) -> None:
        missing = [name for name in names if name not in self.fields]
        if missing:
            self.refuse(f"These fields are required: [{', '.join(missing)}]")

    def allow(self, names: Iterable[str]) -> None:
        for name in self.fields:
            if name not in names:
                self.refuse(f"Field '{name}' is not supported")

    def exclusive(self, *names: str) -> None:
        given = [name for name in names if name in self.fields]
        if len(given) > 1:
            self.refuse(f"Only one of these fields is allowed: [{', '.join(given)}]")

    def _typed(self, field: str, types: type | tuple[type, ...], called: str) -> Any:
        value = self.fields.get(field)
        if field in self.fields and (not isinstance(value, types) or (isinstance(value, bool) and types is not bool)):
            self.refuse(f"Expected value of type {called}", field)
            return None
        return value

    def text(self, field: str) -> str | None:
        value: str | None = self._typed(field, str, "String")
        return value

    def boolean(self, field: str) -> bool:
        return self._typed(field, bool, "Boolean") is True

    def integer(self, field: str, least: int, most: int = 99_999_999) -> int | None:
        value: int | None = self._typed(field, int, "Integer")
        if value is not None and not least <= value <= most:
            self.refuse(f"Value must be between {least} and {most}", field)
        return value

    def number(self, field: str, least: float, most: float | None = None) -> float | None:
        value: float | None = self._typed(field, (int, float), "Float")
        if value is not None and (value < least or (most is not None and value > most)):
            bounds = f"at least {least}" if most is None else f"between {least} and {most}"
            self.refuse(f"Value must be {bounds}", field)
        return value

    def object(self, field: str) -> "Reader | None":
        value = self._typed(field, dict, "Object")
        return None if value is None else self.within(value, self.address(field))

    def objects(self, field: str, empty: bool = False) -> "list[Reader]":
        """The objects in an array that may be `empty` or must not be."""
        values = self._typed(field, list, "Array")
        if values == [] and not empty:
            self.refuse("Value cannot be empty", field)
        readers = []
        for index, value in enumerate(values or []):
            if isinstance(value, dict):
                readers.append(self.within(value, f"{self.address(field)}[{index}]"))
            else:
                self.refuse("Expected value of type Object", f"{field}[{index}]")
        return readers

    def texts(self, field: str) -> tuple[str, ...]:
        values = self._typed(field, list, "Array")
        if values == []:
            self.refuse("Value cannot be empty", field)
        if not all(isinstance(value, str) for value in values or []):
            self.refuse("Expected values of type String", field)
            return ()
        return tuple(values or [])

    def path(self, field: str, required: bool = False, calls: bool = False) -> Expression | None:
        """A path, of the input or the context object; with `calls` also an intrinsic function."""
        if required:
            self.require(field)
        text = self.text(field)
        if text is None:
            return None
        try:
            return expression.compile(text) if calls else expression.compile_path(text)
        except InvalidExpression:
            self.refuse("Value must be a valid JSONPath.", field)
            return None

    def reference(self, field: str) -> tuple[str | int, ...] | None:
        """The steps of a Reference Path into the input."""
        found = self.path(field)
        if found is None:
            return None
        if found.path is None or found.of_context or found.variable or found.path.reference is None:
            self.refuse("Value is not a Reference Path: it must name exactly one place in the input", field)
            return None
        return found.path.reference

    def template(self, field: str) -> Fill | None:
        """A payload template in the language of the state."""
        if field not in self.fields:
            return None
        value = self.fields[field]
        if self.jsonata:
            return self._compiled(field, lambda at: jsonata.template(value, at)) or (lambda payload, scope: value)
        try:
            return template.compile(value)
        except InvalidTemplate as problem:
            self.refuse(str(problem), field)
            return None

    def query(self, field: str, expected: str) -> Fill | None:
        """A field whose value is a JSONata expression of that type; None where it is not given as one."""
        text = self.fields.get(field)
        if not self.jsonata or not jsonata.is_query(text):
            return None
        return self._compiled(field, lambda at: jsonata.compile_typed(str(text), at, expected))

    def _compiled(self, field: str, compile: Callable[[str], Fill | None]) -> Fill | None:  # noqa: A002
        try:
            return compile(self.address(field).removeprefix(f"{self.state}/"))
        except InvalidQuery as problem:
            self.problems.append(Problem(problem.code, str(problem), f"{self.state}/{problem.location}"))
            return _never  # so that nobody takes the field for one without an expression


def _never(payload: Payload, scope: Scope) -> Any:
    raise AssertionError("a definition with mistakes is not run")
