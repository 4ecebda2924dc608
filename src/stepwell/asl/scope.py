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
    """

    __slots__ = ("clock", "context", "now", "random", "variables")

    # What JSONata calls $states.result and $states.errorOutput, where there is one.
    result: "Payload | None" = None
    error: "Payload | None" = None

    def __init__(
        self,
        context: Callable[[], dict[str, Any]],
        now: float,
        random: "Random",
        variables: Variables = NONE,
        clock: int = 0,
    ) -> None:
        self.context = context
        self.now = now
        self.random = random
        self.variables = variables
        self.clock = clock

    def with_item(self, index: int, value: Any) -> "Scope":
        """The same scope seen from one item of a Map: `$$.Map.Item` is this item."""
        outer = self.context

        def context() -> dict[str, Any]:
            return outer() | {"Map": {"Item": {"Index": index, "Value": value}}}

        return Scope(context, self.now, self.random, self.variables, self.clock)

    def with_answer(self, result: "Payload | None" = None, error: "Payload | None" = None) -> "Scope":
        """The same scope once the state has a result or an error."""
        answered = _Answered(self.context, self.now, self.random, self.variables, self.clock)
        answered.result, answered.error = result, error
        return answered


class _Answered(Scope):
    __slots__ = ("error", "result")
