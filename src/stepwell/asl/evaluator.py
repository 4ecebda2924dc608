"""The border to the JSONata library: an evaluation has bounds, and its errors have AWS's texts.

The library is imported when the first expression that needs it is compiled, and never for a definition without one.
"""

import re
from collections.abc import Iterator, Mapping
from json import dumps
from typing import Any

from stepwell.asl.boxes import InvalidQuery, Unevaluable, Unsupported, boxed, plain
from stepwell.asl.jsonata_functions import SCOPED, functions
from stepwell.asl.scope import Scope

_DEEPEST = 199  # with AWS a sum of 200 terms is too deep
_LONGEST = 5_000  # milliseconds
_TOO_DEEP = ": Stack overflow error: Check for non-terminating recursive function. Consider rewriting as tail-recursive"
_TOO_LONG = ": Expression evaluation timeout: Check for infinite loop"
_BOUNDS = {"D1011": _TOO_DEEP, "D1012": _TOO_LONG}
_KINDS = {"a": "arrays", "b": "booleans", "f": "functions", "n": "numbers", "o": "objects", "s": "strings"}
_LOST = {
    "could not convert string to float: '(.*)'": "D3030: Unable to cast value to a number: ",
    "Invalid isoformat string: '(.*)'": "D3110: The argument of the toMillis function must be an ISO 8601 formatted "
    "timestamp. Given ",
    "'<' not supported between instances of .*": "D3070: The single argument form of the sort function can only be "
    "applied to an array of strings or an array of numbers.  Use the second argument to specify a comparison function",
}
_NAME = r"\$(\w+)"
_BLANK = r"\{\{\{?\w+\}\}\}?"


class Query:
    """A compiled expression. `names` are the variables it may speak of."""

    __slots__ = ("_compiled", "_functions", "names", "text")

    def __init__(self, text: str) -> None:
        """Raises InvalidQuery."""
        from jsonata import Jsonata
        from jsonata.jexception import JException

        self.text = text
        self.names = frozenset(re.findall(_NAME, text))
        self._functions = self.names & (functions().keys() | SCOPED.keys())
        try:
            self._compiled = Jsonata(text)
        except JException as problem:
            raise InvalidQuery(_message(problem)) from None
        except Exception as problem:  # whatever the library trips over is a mistake in the text
            raise InvalidQuery(str(problem)) from None
        self._compiled.set_output_convert_nulls(False)
        self._compiled.set_validate_input(False)
        for name in _of_no_context(self._compiled.ast):
            raise InvalidQuery(
                f"Reference to '{name}' at the top level is not supported.", "UNSUPPORTED_JSONATA_EXPRESSION"
            )

    def evaluate(self, bindings: Mapping[str, Any], scope: Scope) -> Any:
        """Its value, or UNDEFINED. Raises Unevaluable, whose text goes on from "threw an error during evaluation"."""
        from jsonata.jexception import JException

        frame = self._compiled.create_frame(None)
        frame.set_runtime_bounds(_LONGEST, _DEEPEST)
        for name in self._functions:
            frame.bind(name, functions()[name] if name in functions() else SCOPED[name](scope))
        try:
            for name, value in bindings.items():
                frame.bind(name, boxed(value))
            return plain(self._compiled.evaluate(None, frame))
        except JException as problem:
            raise Unevaluable(_BOUNDS.get(problem.error) or f". {problem.error}: {_message(problem)}") from None
        except RecursionError:
            raise Unevaluable(_TOO_DEEP) from None
        except ArithmeticError:
            raise Unevaluable(". D1001: Number out of range: null") from None
        except (Unevaluable, Unsupported):
            raise
        except Exception as problem:  # the library's own way of failing, on which nothing of ours depends
            raise Unevaluable(_cast(str(problem))) from None


def _cast(text: str) -> str:
    """What the library lets through as Python's own error, as JSONata words it."""
    for pattern, words in _LOST.items():
        if found := re.fullmatch(pattern, text, re.DOTALL):
            return f". {words}" + "".join(map(dumps, found.groups()))
    return f": {text}"


def _message(problem: Any) -> str:
    """JSONata's text with its blanks filled in; the library has lost some words of it."""
    text = problem.error_codes.get(problem.error)
    if text is None:
        return str(problem)
    values = iter((problem.current, problem.expected, _KINDS.get(problem.extra, problem.extra)))

    def fill(blank: re.Match[str]) -> str:
        value = next(values, None)
        return str(value) if blank[0].startswith("{{{") else _told(value)

    return re.sub(_BLANK, fill, text.replace("Object", "function"))


def _told(value: Any) -> str:
    """A value within a message."""
    try:
        return dumps(plain(value), ensure_ascii=False, default=lambda _: None)
    except Unsupported:
        return "null"


def _of_no_context(node: Any) -> Iterator[str]:
    """The names that an expression looks up at its top level, where Step Functions has no context item."""
    kind = getattr(node, "type", None)
    if kind == "path":
        yield from _of_no_context(node.steps[0])
    elif kind == "name":
        yield str(node.value)
    elif kind == "variable" and node.value in ("", "$"):
        yield f"${node.value}"
    elif kind in ("binary", "unary", "function", "condition", "block", "bind", "lambda", "partial", "apply"):
        for field in ("lhs", "rhs", "expression", "expressions", "arguments", "condition", "then", "_else", "body"):
            yield from _in(getattr(node, field, None))
        yield from _in(getattr(node, "lhs_object", None))


def _in(part: Any) -> Iterator[str]:
    if isinstance(part, list | tuple):
        for each in part:
            yield from _in(each)
    elif part is not None:
        yield from _of_no_context(part)
