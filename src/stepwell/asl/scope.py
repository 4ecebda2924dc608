"""What a state sees besides its input: the context object, the variables, the time, and the dice."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from random import Random

    from stepwell.asl.payload import Payload

Variables = Mapping[str, "Payload"]
NONE: Variables = {}


class Scope(NamedTuple):
    """`context` builds the context object (`$$`) when a state asks for it.

    `now` is when the state was entered, in epoch seconds; `clock` is the moment of the evaluation, in milliseconds.
    `result` and `error` are JSONata's $states.result and $states.errorOutput, where there is one.
    """

    context: Callable[[], dict[str, Any]]
    now: float
    random: "Random"
    variables: Variables = NONE
    clock: int = 0
    result: "Payload | None" = None
    error: "Payload | None" = None

    def with_item(self, index: int, value: Any) -> "Scope":
        """The same scope seen from one item of a Map: `$$.Map.Item` is this item."""
        item = {"Map": {"Item": {"Index": index, "Value": value}}}
        return self._replace(context=lambda: self.context() | item)

    def with_answer(self, result: "Payload | None" = None, error: "Payload | None" = None) -> "Scope":
        """The same scope once the state has a result or an error."""
        return self._replace(result=result, error=error)
