"""What crosses the border to the JSONata library: None is undefined there, and null is a value of its own."""

from typing import Any

UNDEFINED: Any = object()
_JSON = (str, int, float, bool)


class InvalidQuery(ValueError):
    """This is no JSONata, or none that Step Functions takes.

    `code` is ValidateStateMachineDefinition's, `location` the path of the field within its state.
    """

    def __init__(self, message: str, code: str = "INVALID_JSONATA_EXPRESSION") -> None:
        super().__init__(message)
        self.code = code
        self.location = ""


class Unevaluable(Exception):
    """An expression cannot be evaluated; the text says why, beginning with its punctuation."""


class Unsupported(Exception):
    """The value of an expression is not JSON."""


def boxed(value: Any) -> Any:
    """The value with the library's null in the place of None, which means undefined there."""
    if value is None:
        from jsonata.utils import Utils

        return Utils.NULL_VALUE
    if type(value) is dict:
        return {key: boxed(item) for key, item in value.items()}
    if type(value) is list:
        return [boxed(item) for item in value]
    return value


def plain(value: Any) -> Any:
    """What came back as plain JSON. Raises Unsupported for a function, a pattern and the like."""
    from jsonata.utils import Utils

    if value is None:
        return UNDEFINED
    if value is Utils.NULL_VALUE:
        return None
    if isinstance(value, _JSON):
        return value
    if isinstance(value, dict):
        return {key: item for key, item in ((k, plain(v)) for k, v in value.items()) if item is not UNDEFINED}
    if isinstance(value, list):
        # By index, since the library's ranges hold no items.
        found = (plain(value[at]) for at in range(len(value)))
        return [item for item in found if item is not UNDEFINED]
    raise Unsupported
