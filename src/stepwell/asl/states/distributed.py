"""The distributed mode of Map: where items come from and results go, in which batches, under which label."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from stepwell.asl.outcome import Access
from stepwell.asl.payload import Payload, dumps
from stepwell.asl.reader import Reader
from stepwell.asl.scope import Scope
from stepwell.asl.states.limits import limit_of, read_limit
from stepwell.errors import StatesError

LARGEST = 262_144  # bytes of a child's input
FIELDS = frozenset({"ItemReader", "ItemBatcher", "ResultWriter", "Label"})

# The fields of a configuration, each with what it may be; (): that is looked at elsewhere.
_READER = {
    "InputType": ("CSV", "JSON", "JSONL", "MANIFEST"),
    "ManifestType": ("ATHENA_DATA", "S3_INVENTORY"),
    "CSVDelimiter": ("COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"),
    "CSVHeaderLocation": ("FIRST_ROW", "GIVEN"),
    "CSVHeaders": (),
    "ItemsPointer": (),
    "MaxItems": (),
    "MaxItemsPath": (),
    "Transformation": ("LOAD_AND_FLATTEN", "NONE"),
}
_WRITER = {"OutputType": ("JSON", "JSONL"), "Transformation": ("COMPACT", "FLATTEN", "NONE")}
_BATCHER = {"MaxItemsPerBatch", "MaxItemsPerBatchPath", "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"}
_NOT_IN_A_LABEL = frozenset(' <>{}[]?*"#%\\^|~`$&,;:/')

Open = Callable[[Payload, Scope], Access]
Children = Iterator[tuple[Payload, int]]
Batches = Callable[[Payload, Scope], Callable[[Iterable[Payload]], Children]]


class Distributed(NamedTuple):
    label: str | None
    express: bool
    reader: Open | None
    batches: Batches
    batched: bool
    writer: Open | None


def read_distributed(reader: Reader, express: bool) -> Distributed:
    return Distributed(
        _label(reader),
        express,
        _access(reader, "ItemReader", "ReaderConfig", "getObject", "listObjectsV2"),
        _batcher(reader.object("ItemBatcher")),
        reader.has("ItemBatcher"),
        _access(reader, "ResultWriter", "WriterConfig", "putObject"),
    )


def _label(reader: Reader) -> str | None:
    label = reader.text("Label")
    if label == "":
        reader.refuse("Label cannot be empty", "Label")
    elif label and len(label) > 40:
        reader.refuse("Label cannot exceed 40 characters", "Label")
    elif label and (_NOT_IN_A_LABEL & set(label) or not label.isprintable()):
        reader.refuse("Label contains characters that are not allowed", "Label")
    return label


def _access(reader: Reader, field: str, options: str, *actions: str) -> Open | None:
    """ItemReader and ResultWriter: what is called with which arguments, and its configuration."""
    inner = reader.object(field)
    if inner is None:
        return None
    given = "Arguments" if inner.jsonata else "Parameters"
    inner.allow({"Resource", given, options})
    resource, arns = inner.text("Resource"), [f"arn:aws:states:::s3:{action}" for action in actions]
    if field == "ItemReader" or inner.has(given):
        inner.require("Resource", given)
    if resource is not None and resource not in arns:
        inner.refuse(f"Value must be one of: [{', '.join(arns)}]", "Resource")
    fill, config = inner.template(given), inner.object(options) or inner.within({}, "")
    _check_options(config, _READER if options == "ReaderConfig" else _WRITER)
    most = read_limit(config, "MaxItems", 0, 100_000_000)

    def access(payload: Payload, scope: Scope) -> Access:
        options = {**config.fields, "MaxItems": limit_of(most, "MaxItems", None, payload, scope)}
        return Access(resource, fill(payload, scope) if fill else {}, options)

    return access


def _check_options(config: Reader, known: dict[str, tuple[str, ...]]) -> None:
    config.allow(known)
    for name, allowed in known.items():
        if allowed and config.text(name) not in (None, *allowed):
            config.refuse(f"Value must be one of: [{', '.join(allowed)}]", name)
    if config.fields.get("InputType") == "CSV":
        config.require("CSVHeaderLocation")
    if config.fields.get("CSVHeaderLocation") == "GIVEN":
        config.require("CSVHeaders")
    if config.has("CSVHeaders"):
        config.texts("CSVHeaders")


def _batcher(inner: Reader | None) -> Batches:
    if inner is None:
        return lambda payload, scope: _one_by_one
    inner.allow(_BATCHER | {"BatchInput"})
    if not _BATCHER & inner.fields.keys():
        inner.refuse("At least one of these fields is required: [MaxItemsPerBatch, MaxInputBytesPerBatch]")
    most = read_limit(inner, "MaxItemsPerBatch", 1)
    size = read_limit(inner, "MaxInputBytesPerBatch", 1, LARGEST)
    shared = inner.template("BatchInput")

    def batches(payload: Payload, scope: Scope) -> Callable[[Iterable[Payload]], Children]:
        start = f'{{"BatchInput":{dumps(shared(payload, scope))},"Items":[' if shared else '{"Items":['
        count = limit_of(most, "MaxItemsPerBatch", 1, payload, scope)
        room = min(limit_of(size, "MaxInputBytesPerBatch", 1, payload, scope) or LARGEST, LARGEST)
        return lambda inputs: _in_batches(inputs, start, count or LARGEST, room)

    return batches


def _one_by_one(inputs: Iterable[Payload]) -> Children:
    for each in inputs:
        yield _checked(each, LARGEST), 1


def _in_batches(inputs: Iterable[Payload], start: str, most: int, room: int) -> Children:
    """As many items as fit: at most `most`, and no more bytes than `room`."""
    batch: list[str] = []
    size = least = Payload.parse(start).size + 2
    for each in inputs:
        if batch and (len(batch) == most or size + 1 + each.size > room):
            yield _batch(start, batch, room)
            batch, size = [], least
        size += each.size + bool(batch)
        batch.append(each.text)
    if batch:
        yield _batch(start, batch, room)


def _batch(start: str, items: list[str], room: int) -> tuple[Payload, int]:
    return _checked(Payload.parse(f"{start}{','.join(items)}]}}"), room), len(items)


def _checked(payload: Payload, room: int) -> Payload:
    if payload.size > room:
        cause = f"The input of a child workflow execution has {payload.size} bytes, more than the maximum of {room}."
        raise StatesError("States.DataLimitExceeded", cause)
    return payload
