"""What the 18 intrinsic functions compute; `States.Format('{}', $.a)` is read in expression.py."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from stepwell.asl.cursor import pieces
from stepwell.asl.jsonpath import java
from stepwell.asl.payload import Payload, canonical, dumps
from stepwell.asl.scope import Scope

if TYPE_CHECKING:
    from random import Random

LONGEST_TEXT = 10_000
LONGEST_RANGE = 1_000
HASHES = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


class Refused(Exception):
    """The arguments are not what the function takes."""


class Function(NamedTuple):
    """`most` None: any number of arguments."""

    least: int
    most: int | None
    call: Callable[[list[Any], Scope], Any]


def _array(value: Any, place: str = "first") -> list[Any]:
    if not isinstance(value, list):
        raise Refused(f"The {place} argument must be an array")
    return value


def _text(value: Any, place: str = "first") -> str:
    if not isinstance(value, str):
        raise Refused(f"The {place} argument must be a string")
    return value


def _short(value: Any) -> str:
    if len(text := _text(value)) > LONGEST_TEXT:
        raise Refused(f"The first argument must be at most {LONGEST_TEXT} characters long")
    return text


def _whole(value: Any, place: str) -> int:
    """Half up, also below zero: -1.5 is -1 (recorded)."""
    if type(value) not in (int, float):
        raise Refused(f"The {place} argument must be a number")
    return value if type(value) is int else int((value + 0.5) // 1)


def _partition(args: list[Any], scope: Scope) -> list[Any]:
    items, size = _array(args[0]), _whole(args[1], "second")
    if size < 1:
        raise Refused("The second argument must be a positive number")
    return [items[at : at + size] for at in range(0, len(items), size)]


def _contains(args: list[Any], scope: Scope) -> bool:
    wanted = canonical(args[1])
    return any(canonical(item) == wanted for item in _array(args[0]))


def _range(args: list[Any], scope: Scope) -> list[int]:
    first, last, step = (_whole(arg, place) for arg, place in zip(args, ("first", "second", "third"), strict=True))
    if step == 0:
        raise Refused("The third argument must not be zero")
    if (last - first) // step >= LONGEST_RANGE:
        raise Refused(f"The range must have at most {LONGEST_RANGE} items")
    return list(range(first, last + (1 if step > 0 else -1), step))


def _item(args: list[Any], scope: Scope) -> Any:
    items, index = _array(args[0]), _whole(args[1], "second")
    if not 0 <= index < len(items):
        raise Refused("The index is out of the array's bounds")
    return items[index]


def _unique(args: list[Any], scope: Scope) -> list[Any]:
    found: dict[str, Any] = {}
    for item in _array(args[0]):
        found.setdefault(canonical(item), item)
    return list(found.values())


def _encoded(args: list[Any], scope: Scope) -> str:
    from binascii import b2a_base64

    return b2a_base64(_short(args[0]).encode(), newline=False).decode()


def _decoded(args: list[Any], scope: Scope) -> str:
    from binascii import a2b_base64

    try:
        return a2b_base64(_short(args[0]), strict_mode=True).decode()
    except ValueError:
        raise Refused("The first argument must be a Base64 encoded string") from None


def _hash(args: list[Any], scope: Scope) -> str:
    import hashlib

    algorithm = _text(args[1], "second")
    if algorithm not in HASHES:
        raise Refused(f"The second argument must be one of {', '.join(HASHES)}")
    data = _short(args[0] if isinstance(args[0], str) else dumps(args[0]))
    return hashlib.new(HASHES[algorithm], data.encode(), usedforsecurity=False).hexdigest()


def _merge(args: list[Any], scope: Scope) -> dict[str, Any]:
    if not isinstance(args[0], dict) or not isinstance(args[1], dict):
        raise Refused("The first and the second argument must be JSON objects")
    if args[2] is not False:
        raise Refused("The third argument must be false: only shallow merging is supported")
    return {**args[0], **args[1]}


def _random(args: list[Any], scope: Scope) -> int:
    first, last = _whole(args[0], "first"), _whole(args[1], "second")
    if first >= last:
        raise Refused("The first argument must be less than the second")
    dice = type(scope.random)(_whole(args[2], "third")) if len(args) > 2 else scope.random
    return dice.randrange(first, last)


def _add(args: list[Any], scope: Scope) -> int:
    return _whole(args[0], "first") + _whole(args[1], "second")


def _split(args: list[Any], scope: Scope) -> list[str]:
    text, separators = _text(args[0]), _text(args[1], "second")
    for separator in separators[1:]:
        text = text.replace(separator, separators[0])
    parts = text.split(separators[0]) if separators else [text]
    return [part for part in parts if part]


def uuid(dice: "Random") -> str:
    """A version 4 UUID."""
    bits = dice.getrandbits(128)
    digits = f"{bits & ~(0xF << 76) & ~(0x3 << 62) | 0x4 << 76 | 0x2 << 62:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _format(args: list[Any], scope: Scope) -> str:
    (first, *others), values = pieces(_text(args[0]), "{}", "."), args[1:]
    if len(others) != len(values):
        raise Refused(f"The number of {{}} ({len(others)}) is not the number of arguments ({len(values)})")
    return first + "".join([java(value) + piece for value, piece in zip(values, others, strict=True)])


def _parsed(args: list[Any], scope: Scope) -> Any:
    try:
        return Payload.parse(_text(args[0])).value
    except (ValueError, RecursionError):
        raise Refused("The first argument must be a valid JSON text") from None


FUNCTIONS: dict[str, Function] = {
    "States.Array": Function(0, None, lambda args, scope: args),
    "States.ArrayPartition": Function(2, 2, _partition),
    "States.ArrayContains": Function(2, 2, _contains),
    "States.ArrayRange": Function(3, 3, _range),
    "States.ArrayGetItem": Function(2, 2, _item),
    "States.ArrayLength": Function(1, 1, lambda args, scope: len(_array(args[0]))),
    "States.ArrayUnique": Function(1, 1, _unique),
    "States.Base64Encode": Function(1, 1, _encoded),
    "States.Base64Decode": Function(1, 1, _decoded),
    "States.Hash": Function(2, 2, _hash),
    "States.JsonMerge": Function(3, 3, _merge),
    "States.MathRandom": Function(2, 3, _random),
    "States.MathAdd": Function(2, 2, _add),
    "States.StringSplit": Function(2, 2, _split),
    "States.UUID": Function(0, 0, lambda args, scope: uuid(scope.random)),
    "States.Format": Function(1, None, _format),
    "States.StringToJson": Function(1, 1, _parsed),
    "States.JsonToString": Function(1, 1, lambda args, scope: dumps(args[0])),
}
