"""What a state sees besides its input: the context object, the variables, the time, and the dice."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

    from stepwell.asl.payload import Payload

Variables = Mapping[str, "Payload"]
NONE: Variables = {}


class Scope:
    """`context` builds the context object (`$$`) when a state asks for it.

    `now` is when the state was entered, in epoch seconds; `clock` is the moment of the evaluation, in milliseconds.
    `result` and `error` are JSONata's $states.result and $states.errorOutput, where there is one.
    """

    __slots__ = ("clock", "context", "error", "now", "random", "result", "variables")

    def __init__(
        self,
        context: Callable[[], dict[str, Any]],
        now: float,
        random: "Random",
        variables: Variables = NONE,
        clock: int = 0,
        result: "Payload | None" = None,
        error: "Payload | None" = None,
    ) -> None:
        self.context = context
        self.now = now
        self.random = random
        self.variables = variables
        self.clock = clock
        self.result = result
        self.error = error

    def with_item(self, index: int, value: Any) -> "Scope":
        """The same scope seen from one item of a Map: `$$.Map.Item` is this item."""
        item = {"Map": {"Item": {"Index": index, "Value": value}}}
        return Scope(lambda: self.context() | item, self.now, self.random, self.variables, self.clock)

    def with_answer(self, result: "Payload | None" = None, error: "Payload | None" = None) -> "Scope":
        """The same scope once the state has a result or an error."""
        return Scope(self.context, self.now, self.random, self.variables, self.clock, result, error)
