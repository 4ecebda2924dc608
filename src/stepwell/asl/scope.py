"""What a state sees besides its input: the context object, the time, and the dice."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random


class Scope:
    """`context` builds the context object (`$$`) when a state asks for it; `now` is in epoch seconds."""

    __slots__ = ("context", "now", "random")

    def __init__(self, context: Callable[[], dict[str, Any]], now: float, random: "Random") -> None:
        self.context = context
        self.now = now
        self.random = random

    def with_item(self, index: int, value: Any) -> "Scope":
        """The same scope seen from one item of a Map: `$$.Map.Item` is this item."""
        outer = self.context
        return Scope(lambda: outer() | {"Map": {"Item": {"Index": index, "Value": value}}}, self.now, self.random)
