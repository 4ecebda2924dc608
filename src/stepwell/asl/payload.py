"""JSON as it travels between states: a value and its text, each made from the other at most once."""

from collections.abc import Sequence
from json import JSONDecoder, JSONEncoder
from typing import Any, NoReturn

from stepwell.errors import StatesError

_MISSING: Any = object()


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_decode = JSONDecoder(parse_constant=_refuse).decode
_encode = JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False, allow_nan=False).encode
_encode_ascii = JSONEncoder(separators=(",", ":"), check_circular=False, allow_nan=False).encode
_encode_sorted = JSONEncoder(sort_keys=True, check_circular=False).encode


def dumps(value: Any) -> str:
    """Compact JSON that can be stored as UTF-8: a lone surrogate stays escaped."""
    try:
        text = _encode(value)
        if not text.isascii():
            text.encode()
        return text
    except UnicodeEncodeError:
        return _encode_ascii(value)
    except ValueError as error:
        raise StatesError("States.Runtime", f"The value cannot be written as JSON: {error}") from None


def canonical(value: Any) -> str:
    """Equal for equal JSON values, whatever the order of their keys; 1, 1.0 and true are three values."""
    return _encode_sorted(value)


class Payload:
    """A JSON document. Its value is shared between states: whoever computes a new one copies what it changes."""

    __slots__ = ("_text", "_value")

    def __init__(self, value: Any = _MISSING, text: str | None = None) -> None:
        self._value = value
        self._text = text

    @classmethod
    def of(cls, value: Any) -> "Payload":
        return cls(value)

    @classmethod
    def parse(cls, text: str) -> "Payload":
        """The text is kept as it is and read when its value is first asked for (ValueError if it is no JSON)."""
        return cls(_MISSING, text)

    @classmethod
    def array(cls, payloads: Sequence["Payload"]) -> "Payload":
        """The JSON array of these documents; their texts are joined, not written again."""
        known = all(item._value is not _MISSING for item in payloads)
        value = [item._value for item in payloads] if known else _MISSING
        return cls(value, f"[{','.join([item.text for item in payloads])}]")

    @property
    def value(self) -> Any:
        if self._value is _MISSING:
            self._value = _decode(self._text or "")
        return self._value

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = dumps(self._value)
        return self._text

    def compact(self) -> "Payload":
        """The same document without blanks between its parts."""
        blanks = any(blank in self.text for blank in " \n\t\r")
        return Payload.of(self.value) if blanks else self

    @property
    def size(self) -> int:
        """Bytes of the text in UTF-8, which is what AWS's limits count."""
        text = self.text
        return len(text) if text.isascii() else len(text.encode())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Payload) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Payload({self.text})"
