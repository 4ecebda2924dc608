"""Between JSON as a state writes and reads it and the parameters and answers of a service's API, by its model.

Two families of names: AWS SDK integrations have those of the Java SDK (`DBName` is `DbName`), optimised ones those of
the API with a capital first letter. Where the API wants text and the state has a value, its JSON is sent; optimised
ones do so in the fields alone that are made for it.
"""

import json
import re
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from stepwell.errors import ServiceError
from stepwell.resources.services import upper

Name = Callable[[str], str]

_WRITTEN = ("Detail", "Input", "Message", "MessageBody")  # of optimised integrations: a value becomes its JSON
_NESTED = {"structure": "OBJECT", "map": "OBJECT", "list": "ARRAY"}
_MAPS = ("Tags", "Variables", "variableReferences")  # of our own services, whose keys are the user's


class Shape(Protocol):
    """A shape of botocore's: of a `structure`'s members, a `list`'s or `map`'s items, or a plain value."""

    type_name: str
    members: Any
    required_members: Any
    metadata: Any
    member: Any
    value: Any
    serialization: Any


def java(name: str) -> str:
    """The leading capitals but the last become small, unless all of the name is: `DBName` is DbName, `ETag` ETag."""
    if name == "NULL":
        return "Nul"
    lead = re.match(r"[A-Z]*", name)[0]  # type: ignore[index]
    ends = name[len(lead) : len(lead) + 1].islower()
    return upper(lead[: -1 if ends else None].lower()) + name[len(lead) - ends :] if len(lead) > 1 else upper(name)


def class_name(service_id: str) -> str:
    """How the Java SDK names a service: `DynamoDB` is DynamoDb, `SFN` Sfn, `API Gateway` ApiGateway."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z]\w)|(?<=[A-Z])(?=[A-Z][a-z])", " ", service_id)
    return "".join(word.capitalize() for word in re.split(r"[^A-Za-z0-9]+", words))


def free(shape: Any) -> bool:
    """Whether any JSON will do: a document type, which botocore calls a structure without members."""
    return bool(getattr(shape, "is_document_type", False))


def request(shape: Shape | None, value: Any, name: Name, field: str = "") -> Any:
    """A state's JSON as the API takes it. Raises ServiceError for what could not be sent."""
    if shape is None:
        return {}
    if free(shape):
        return value
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        given = _members(shape, value, name)
        return {key: request(shape.members[key], item, name, name(key)) for key, item in given.items()}
    if kind == "list" and isinstance(value, list):
        return [request(shape.member, item, name, field) for item in value]
    if kind == "map" and isinstance(value, dict):
        return {key: request(shape.value, item, name, key) for key, item in value.items()}
    if kind in _NESTED:
        raise _wrong(f"The value for the field '{field}' must be an {_NESTED[kind]}")
    if kind == "string" and not isinstance(value, str) and name is upper and field not in _WRITTEN:
        raise _wrong(f"The value for the field '{field}' must be a STRING")
    streams = kind == "blob" and shape.serialization.get("streaming")  # S3's Body: AWS sends a text with its quotes
    if kind in ("string", "blob") and (streams or not isinstance(value, str)):
        value = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return value.encode() if kind == "blob" else value


def _members(shape: Shape, value: dict[str, Any], name: Name) -> dict[str, Any]:
    """What is null counts as not given; of what is missing the SDK's services tell themselves.

    A token against repetition is made up where none is given.
    """
    known = {name(member): member for member in shape.members} | {upper(member): member for member in shape.members}
    given = {known[key]: item for key, item in value.items() if key in known and item is not None}
    wrong = [f'The field "{key}" is not supported by Step Functions' for key in value if key not in known]
    wrong += [
        f"The field '{name(member)}' is required but was missing"
        for member in (shape.required_members if name is upper else ())
        if member not in given and "idempotencyToken" not in shape.members[member].metadata
    ]
    if wrong:
        raise _wrong(", ".join(wrong))
    return given


def _wrong(told: str) -> ServiceError:
    return ServiceError("ValidationException", told, http=0)


def answer(shape: Shape | None, value: Any, name: Name, moment: Callable[[datetime], Any]) -> Any:
    """An API's answer as the state sees it; without a model, every object has the API's names."""
    if shape is not None and free(shape):
        return value
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, list):
        return [answer(shape and shape.member, item, name, moment) for item in value]
    if not isinstance(value, dict):
        return _text(value) if shape is not None and shape.type_name == "blob" else value
    if shape is None:
        own = {key for key in _MAPS if isinstance(value.get(key), dict)}
        return {upper(key): item if key in own else answer(None, item, name, moment) for key, item in value.items()}
    if shape.type_name == "map":
        return {key: answer(shape.value, item, name, moment) for key, item in value.items()}
    known = [(key, item) for key, item in value.items() if key in shape.members and item is not None]
    return {name(key): answer(shape.members[key], item, name, moment) for key, item in known}


def _text(value: Any) -> str:
    """Bytes are text where they can be."""
    data: bytes = value if isinstance(value, bytes) else value.read()
    try:
        return data.decode()
    except UnicodeDecodeError:
        return b64encode(data).decode()


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
