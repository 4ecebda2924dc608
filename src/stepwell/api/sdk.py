"""This machine's own Step Functions and Lambda as a service that tasks call: the shapes of its requests."""

from types import SimpleNamespace
from typing import Any, ClassVar

from stepwell.api.validation import INPUTS, SHAPES
from stepwell.errors import UnknownOperationException


class Shape:
    """A shape of `shapes.json`, looked at as botocore's are."""

    serialization: ClassVar[dict[str, Any]] = {}
    metadata: ClassVar[dict[str, Any]] = {}

    def __init__(self, name: str) -> None:
        self.type_name, self._facts = SHAPES[name]

    @property
    def members(self) -> dict[str, "Shape"]:
        return {name: Shape(shape) for name, shape in self._facts["members"].items()}

    @property
    def required_members(self) -> list[str]:
        return list(self._facts["required"])

    @property
    def member(self) -> "Shape":
        return Shape(self._facts["member"])

    @property
    def value(self) -> "Shape":
        return Shape(self._facts["value"])


ANY = SimpleNamespace(type_name="any", metadata={})  # of a request whose fields are named and made as the API has them


def input_shape(action: str) -> Any:
    """Of an action by AWS's name; that of a Lambda action begins with `Lambda.`."""
    if action not in INPUTS:
        raise UnknownOperationException(f"The action {action} is not served here")
    return Shape(INPUTS[action])
