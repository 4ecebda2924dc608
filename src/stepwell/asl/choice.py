"""The rules of a Choice state: every operator, And, Or and Not, compiled to functions from the input to bool."""

from collections.abc import Callable
from operator import eq, ge, gt, le, lt
from typing import Any

from stepwell.asl.expression import Expression
from stepwell.asl.jsonpath import PathNotFound
from stepwell.asl.payload import Payload
from stepwell.asl.reader import Reader
from stepwell.asl.scope import Scope
from stepwell.asl.timestamps import epoch
from stepwell.errors import StatesError

Test = Callable[[Payload, Scope], bool]
Compare = Callable[[Any, Any], bool]
Admit = Callable[[Any], Any]  # the operand as it is compared; None: it has another type, so nothing matches


def _number(value: Any) -> Any:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _string(value: Any) -> Any:
    return value if isinstance(value, str) else None


def _boolean(value: Any) -> Any:
    return value if isinstance(value, bool) else None


_TYPES: dict[str, tuple[Admit, str]] = {
    "Boolean": (_boolean, "Boolean"),
    "Numeric": (_number, "Number"),
    "String": (_string, "String"),
    "Timestamp": (epoch, "Timestamp"),
}
_COMPARISONS: dict[str, Compare] = {
    "Equals": eq,
    "LessThan": lt,
    "GreaterThan": gt,
    "LessThanEquals": le,
    "GreaterThanEquals": ge,
}
_KINDS: dict[str, Callable[[Any], bool]] = {
    "IsNull": lambda value: value is None,
    "IsBoolean": lambda value: isinstance(value, bool),
    "IsNumeric": lambda value: _number(value) is not None,
    "IsString": lambda value: isinstance(value, str),
    "IsTimestamp": lambda value: epoch(value) is not None,
}
OPERATORS: dict[str, tuple[Admit, str, Compare]] = {
    type_ + name: (*_TYPES[type_], compare)
    for type_ in _TYPES
    for name, compare in _COMPARISONS.items()
    if type_ != "Boolean" or name == "Equals"
}
_FIELDS = {*OPERATORS, *(name + "Path" for name in OPERATORS), *_KINDS, "IsPresent", "StringMatches"}


def compile_rule(rule: Reader) -> Test:
    """The rule at the reader, whose mistakes the reader notes."""
    for name, several in (("And", all), ("Or", any)):
        if rule.has(name):
            return _several(several, [compile_rule(inner) for inner in rule.objects(name)])
    inner = rule.object("Not")
    if inner is not None:
        return _negated(compile_rule(inner))
    return _data_test(rule)


def _several(combine: Callable[[Any], bool], tests: list[Test]) -> Test:
    return lambda payload, scope: combine(test(payload, scope) for test in tests)


def _negated(test: Test) -> Test:
    return lambda payload, scope: not test(payload, scope)


def _never(payload: Payload, scope: Scope) -> bool:
    return False


def _data_test(rule: Reader) -> Test:
    variable = rule.path("Variable", required=True)
    names = [name for name in rule.fields if name in _FIELDS]
    if len(names) != 1:
        rule.refuse("Exactly one comparison operator is required" if names else "A comparison operator is required")
        return _never
    if variable is None:
        return _never
    return _operator(rule, names[0], variable)


def _operator(rule: Reader, name: str, variable: Expression) -> Test:
    if name == "IsPresent":
        return _present(variable, rule.boolean(name))
    if name in _KINDS:
        return _kind(variable, _KINDS[name], rule.boolean(name))
    if name == "StringMatches":
        return _matching(variable, rule.text(name) or "")
    if name.endswith("Path"):
        other = rule.path(name)
        admit, _, compare = OPERATORS[name.removesuffix("Path")]
        return _compared_with(variable, admit, compare, other) if other else _never
    admit, type_, compare = OPERATORS[name]
    constant = admit(rule.fields[name])
    if constant is None:
        rule.refuse(f"Expected value of type {type_}", name)
        return _never
    return _compared(variable, admit, compare, constant)


def _look_up(variable: Expression, payload: Payload, scope: Scope) -> Any:
    try:
        return variable.follow(payload, scope)
    except PathNotFound:
        cause = f"Invalid path '{variable.text}': The choice state's condition path references an invalid value."
        raise StatesError("States.Runtime", cause) from None


def _compared(variable: Expression, admit: Admit, compare: Compare, constant: Any) -> Test:
    def test(payload: Payload, scope: Scope) -> bool:
        value = admit(_look_up(variable, payload, scope))
        return value is not None and compare(value, constant)

    return test


def _compared_with(variable: Expression, admit: Admit, compare: Compare, other: Expression) -> Test:
    def test(payload: Payload, scope: Scope) -> bool:
        value, against = admit(_look_up(variable, payload, scope)), admit(_look_up(other, payload, scope))
        return value is not None and against is not None and compare(value, against)

    return test


def _present(variable: Expression, wanted: bool) -> Test:
    def test(payload: Payload, scope: Scope) -> bool:
        try:
            variable.follow(payload, scope)
        except PathNotFound:
            return not wanted
        return wanted

    return test


def _kind(variable: Expression, is_kind: Callable[[Any], bool], wanted: bool) -> Test:
    return lambda payload, scope: is_kind(_look_up(variable, payload, scope)) is wanted


def _matching(variable: Expression, pattern: str) -> Test:
    pieces = _pieces(pattern)

    def test(payload: Payload, scope: Scope) -> bool:
        value = _look_up(variable, payload, scope)
        return isinstance(value, str) and matches(value, pieces)

    return test


def _pieces(pattern: str) -> list[str]:
    """The texts between the asterisks; a backslash makes an asterisk or a backslash plain."""
    pieces, at = [""], 0
    while at < len(pattern):
        if pattern[at] == "\\" and pattern[at + 1 : at + 2] in ("*", "\\"):
            at += 1
            pieces[-1] += pattern[at]
        elif pattern[at] == "*":
            pieces.append("")
        else:
            pieces[-1] += pattern[at]
        at += 1
    return pieces


def matches(value: str, pieces: list[str]) -> bool:
    """Whether the text has the pieces in this order, the first at its beginning and the last at its end."""
    if len(pieces) == 1:
        return value == pieces[0]
    first, *middle, last = pieces
    if len(value) < len(first) + len(last) or not (value.startswith(first) and value.endswith(last)):
        return False
    at, end = len(first), len(value) - len(last)
    for piece in middle:
        at = value.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True
