"""Map: runs one machine for every item of an array. Only the inline mode so far."""

from collections.abc import Callable
from typing import Any, NamedTuple

from stepwell.asl.dataflow import invalid_path, leave_with_result, select_input
from stepwell.asl.expression import Expression
from stepwell.asl.fields import ARGUMENTS, ERRORS, INPUT_OUTPUT, RESULT
from stepwell.asl.jsonata import QueryFailed
from stepwell.asl.jsonpath import PathNotFound
from stepwell.asl.model import Machine, State
from stepwell.asl.outcome import Fork
from stepwell.asl.payload import Payload, dumps
from stepwell.asl.reader import Reader
from stepwell.asl.scope import Scope
from stepwell.asl.states.kind import Branch, Kind
from stepwell.asl.states.limits import Limit, limit_of, read_limit
from stepwell.asl.template import Fill
from stepwell.errors import StatesError

_TOLERANCES = {
    "ToleratedFailureCount",
    "ToleratedFailureCountPath",
    "ToleratedFailurePercentage",
    "ToleratedFailurePercentagePath",
}
_OWN = {"ItemProcessor", "Iterator", "ItemsPath", "Items", "ItemSelector", "MaxConcurrency", "MaxConcurrencyPath"}
_DISTRIBUTED = {"ItemReader", "ItemBatcher", "ResultWriter", "Label"}


Items = Callable[[Payload, Scope], list[Any]]


class _Detail(NamedTuple):
    machine: Machine
    items: Items
    selector: Fill | None
    concurrency: Limit
    tolerances: tuple[tuple[str, Limit], ...]


def _compile(reader: Reader, branch: Branch) -> _Detail | None:
    for field in sorted(_DISTRIBUTED & reader.fields.keys()):
        reader.refuse("The distributed mode of Map is not supported yet", field)
    reader.exclusive("ItemProcessor", "Iterator")
    reader.exclusive("ItemSelector", "Parameters")
    inner = reader.object("ItemProcessor") or reader.object("Iterator")
    if inner is None:
        reader.require("ItemProcessor")
        return None
    _check_mode(inner)
    return _Detail(
        branch(inner),
        _items(reader),
        reader.template("ItemSelector" if reader.has("ItemSelector") else "Parameters"),
        read_limit(reader, "MaxConcurrency", 0),
        _tolerances(reader),
    )


def _tolerances(reader: Reader) -> tuple[tuple[str, Limit], ...]:
    """AWS reads them in an inline Map too, where they change nothing."""
    count = ("ToleratedFailureCount", read_limit(reader, "ToleratedFailureCount", 0))
    percentage = ("ToleratedFailurePercentage", read_limit(reader, "ToleratedFailurePercentage", 0, 100))
    return tuple(each for each in (count, percentage) if each[1] is not None)


def _check_mode(inner: Reader) -> None:
    config = inner.object("ProcessorConfig")
    mode = config.text("Mode") if config else None
    if config and mode == "DISTRIBUTED":
        config.refuse("The distributed mode of Map is not supported yet", "Mode")
    elif config and mode not in (None, "INLINE"):
        config.refuse("Value must be one of: [INLINE, DISTRIBUTED]", "Mode")


def _enter(state: State, raw: Payload, scope: Scope) -> Fork:
    detail: _Detail = state.detail
    effective = select_input(state, raw, scope)
    items = detail.items(effective, scope)
    concurrency = limit_of(detail.concurrency, "MaxConcurrency", 0, effective, scope) or 0
    for field, limit in detail.tolerances:
        limit_of(limit, field, 0, effective, scope)
    inputs = _inputs(items, detail.selector, effective, scope)
    return Fork("Map", (detail.machine,), inputs, concurrency, state.name, items)


def _items(reader: Reader) -> Items:
    if not reader.jsonata:
        return _at_path(reader.path("ItemsPath"))
    found = reader.query("Items", "array")
    if found is None and reader.has("Items"):
        if not isinstance(reader.fields["Items"], list):
            reader.refuse("Expected value of type Array", "Items")
        found = reader.template("Items")
    return found or _whole_input


def _whole_input(payload: Payload, scope: Scope) -> list[Any]:
    items = payload.value
    if not isinstance(items, list):
        raise QueryFailed(f"Map state input must be an array but was: {dumps(items)}")
    return items


def _at_path(found: Expression | None) -> Items:
    def items(payload: Payload, scope: Scope) -> list[Any]:
        try:
            value = found.follow(payload, scope) if found else payload.value
        except PathNotFound as problem:
            assert found
            raise invalid_path(found, problem) from None
        if not isinstance(value, list):
            path = found.text if found else "$"
            raise StatesError("States.Runtime", f'Reference path "{path}" must point to array.')
        return value

    return items


def _inputs(items: list[Any], selector: Fill | None, effective: Payload, scope: Scope) -> list[Payload]:
    if selector is None:
        return [Payload.of(item) for item in items]
    return [Payload.of(selector(effective, scope.with_item(at, item))) for at, item in enumerate(items)]


_FIELDS = INPUT_OUTPUT | ARGUMENTS | RESULT | ERRORS | _OWN | _TOLERANCES | _DISTRIBUTED
MAP = Kind(_FIELDS, _compile, _enter, leave_with_result)
