"""The rules of a Choice state: every operator, And, Or and Not, compiled to functions from the input to bool."""

import re
from collections.abc import Callable
from fnmatch import translate
from glob import escape
from operator import eq, ge, gt, le, lt
from typing import Any

from stepwell.asl.cursor import pieces
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


_TYPES: dict[str, tuple[Admit, str]] = {
    "Boolean": (lambda value: value if type(value) is bool else None, "Boolean"),
    "Numeric": (lambda value: value if type(value) in (int, float) else None, "Number"),
    "String": (lambda value: value if type(value) is str else None, "String"),
    "Timestamp": (epoch, "Timestamp"),
}
_COMPARISONS: dict[str, Compare] = {
    "Equals": eq,
    "LessThan": lt,
    "GreaterThan": gt,
    "LessThanEquals": le,
    "GreaterThanEquals": ge,
}
_KINDS: dict[str, Admit] = {f"Is{name}": admit for name, (admit, _) in _TYPES.items()}
_KINDS["IsNull"] = lambda value: True if value is None else None
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
    if name.endswith("Path"):
        other = rule.path(name)
        return _compared(variable, OPERATORS[name.removesuffix("Path")], other) if other else _never
    holds = _predicate(rule, name)
    return lambda payload, scope: holds(_look_up(variable, payload, scope))


def _predicate(rule: Reader, name: str) -> Callable[[Any], bool]:
    """What the operator asks of the value, where it asks that of nothing else."""
    if name in _KINDS:
        admitted, wanted = _KINDS[name], rule.boolean(name)
        return lambda value: (admitted(value) is not None) is wanted
    if name == "StringMatches":
        return _like(rule.text(name) or "")
    admit, type_, compare = OPERATORS[name]
    constant = admit(rule.fields[name])
    if constant is None:
        rule.refuse(f"Expected value of type {type_}", name)
    return lambda value: (found := admit(value)) is not None and compare(found, constant)


def _like(wanted: str) -> Callable[[Any], bool]:
    """The asterisks of a shell's pattern, which is matched without trying anything twice."""
    pattern = re.compile(translate("*".join([escape(piece) for piece in pieces(wanted, "*", r"[\\*]")])))
    return lambda value: type(value) is str and pattern.match(value) is not None


def _look_up(variable: Expression, payload: Payload, scope: Scope) -> Any:
    try:
        return variable.follow(payload, scope)
    except PathNotFound:
        cause = f"Invalid path '{variable.text}': The choice state's condition path references an invalid value."
        raise StatesError("States.Runtime", cause) from None


def _compared(variable: Expression, operator: tuple[Admit, str, Compare], other: Expression) -> Test:
    admit, _, compare = operator

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
