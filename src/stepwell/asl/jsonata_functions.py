"""The functions that Step Functions adds to JSONata, and those that need its clock and its dice."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from stepwell.asl.boxes import Unevaluable, boxed, plain
from stepwell.asl.intrinsics import HASHES, uuid
from stepwell.asl.payload import Payload, dumps
from stepwell.asl.scope import Scope

if TYPE_CHECKING:
    from random import Random

_LONGEST_RANGE = 500_000


@cache
def functions() -> dict[str, Any]:
    """Those that depend on their arguments alone; arguments out of bounds give undefined.

    AWS takes $eval away: calling it is calling no function.
    """
    return {
        "partition": _function("partition", "<an:a>", _partition),
        "range": _function("range", "<nnn:a>", _range),
        "hash": _function("hash", "<xs:s>", _hash),
        "parse": _function("parse", "<s-:x>", _parse),
        "eval": None,
    }


def _random(scope: Scope) -> Any:
    dice = scope.random
    return _function("random", "<n?:n>", lambda seed=None: dice.random() if seed is None else java_random(seed))


def _now(scope: Scope) -> Any:
    from jsonata.functions import Functions

    clock = scope.clock
    write = Functions.datetime_from_millis
    return _function("now", "<s?s?:s>", lambda picture=None, zone=None: write(clock, picture, zone))


@cache
def _signature(name: str, text: str) -> Any:
    from jsonata.signature import Signature

    return Signature(text, name)


def _function(name: str, signature: str, call: Any) -> Any:
    from jsonata import Jsonata

    function = Jsonata.JFunction(Jsonata.JLambda(call), None)
    function.signature = _signature(name, signature)
    return function


def _partition(items: Any, size: Any) -> Any:
    if items is None or size is None or int(size) == 0:
        return None
    width = int(size)
    if width < 0:
        raise Unevaluable(": The size of a partition must be a positive number")
    return [items[at : at + width] for at in range(0, len(items), width)]


def _range(first: Any, last: Any, step: Any) -> Any:
    if first is None or last is None or step is None or int(step) == 0:
        return None
    # Towards zero, as AWS does it.
    start, end, stride = int(first), int(last), int(step)
    found = range(start, end + (1 if stride > 0 else -1), stride)
    if len(found) > _LONGEST_RANGE:
        raise Unevaluable(": Expression evaluation memory limit exceeded: Check for excessive memory usage")
    return list(found) or None


def _hash(value: Any, algorithm: Any) -> Any:
    from hashlib import new

    if value is None or algorithm not in HASHES:
        return None
    text = value if isinstance(value, str) else dumps(plain(value))
    return new(HASHES[algorithm], text.encode(), usedforsecurity=False).hexdigest()


def _parse(text: Any) -> Any:
    if text is None:
        return None
    try:
        return boxed(Payload.parse(text).value)
    except (ValueError, RecursionError):
        return None


def _shuffled(items: Any, dice: "Random") -> Any:
    if items is None:
        return None
    copy = list(items)
    dice.shuffle(copy)
    return copy


def java_random(seed: float) -> float:
    """The first double of a java.util.Random with this seed, which is what AWS answers."""
    state = (int(seed) ^ 0x5DEECE66D) & (1 << 48) - 1
    bits = []
    for width in (26, 27):
        state = (state * 0x5DEECE66D + 0xB) & (1 << 48) - 1
        bits.append(state >> 48 - width)
    return ((bits[0] << 27) + bits[1]) / (1 << 53)


# Those that ask for the time or throw the dice: made for one evaluation.
SCOPED: dict[str, Callable[[Scope], Any]] = {
    "random": _random,
    "uuid": lambda scope: _function("uuid", "<:s>", lambda: uuid(scope.random)),
    "shuffle": lambda scope: _function("shuffle", "<a:a>", lambda items: _shuffled(items, scope.random)),
    "millis": lambda scope: _function("millis", "<:n>", lambda: scope.clock),
    "now": _now,
}
