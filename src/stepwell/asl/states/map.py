"""Map: runs one machine for every item of an array. Only the inline mode so far."""

from typing import Any, NamedTuple

from stepwell.asl.dataflow import invalid_path, select_input
from stepwell.asl.expression import Expression
from stepwell.asl.fields import ARGUMENTS, ERRORS, INPUT_OUTPUT, RESULT
from stepwell.asl.jsonpath import PathNotFound
from stepwell.asl.model import Machine, State
from stepwell.asl.outcome import Fork
from stepwell.asl.payload import Payload
from stepwell.asl.reader import Reader
from stepwell.asl.scope import Scope
from stepwell.asl.states.kind import Branch, Kind
from stepwell.asl.states.limits import Limit, limit_of, read_limit
from stepwell.asl.template import Fill
from stepwell.errors import StatesError

_OWN = {"ItemProcessor", "Iterator", "ItemsPath", "ItemSelector", "MaxConcurrency", "MaxConcurrencyPath"}
_DISTRIBUTED = {
    "ItemReader",
    "ItemBatcher",
    "ResultWriter",
    "Label",
    "ToleratedFailureCount",
    "ToleratedFailureCountPath",
    "ToleratedFailurePercentage",
    "ToleratedFailurePercentagePath",
}


class _Detail(NamedTuple):
    machine: Machine
    items: Expression | None
    selector: Fill | None
    concurrency: Limit


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
        reader.path("ItemsPath"),
        reader.template("ItemSelector" if reader.has("ItemSelector") else "Parameters"),
        read_limit(reader, "MaxConcurrency", 0),
    )


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
    items = _items(detail.items, effective, scope)
    concurrency = limit_of(detail.concurrency, "MaxConcurrency", 0, effective, scope) or 0
    inputs = _inputs(items, detail.selector, effective, scope)
    return Fork("Map", (detail.machine,), inputs, concurrency, state.name, items)


def _items(found: Expression | None, effective: Payload, scope: Scope) -> list[Any]:
    try:
        items = found.follow(effective, scope) if found else effective.value
    except PathNotFound as problem:
        assert found
        raise invalid_path(found, problem) from None
    if not isinstance(items, list):
        path = found.text if found else "$"
        raise StatesError("States.Runtime", f'Reference path "{path}" must point to array.')
    return items


def _inputs(items: list[Any], selector: Fill | None, effective: Payload, scope: Scope) -> list[Payload]:
    if selector is None:
        return [Payload.of(item) for item in items]
    return [Payload.of(selector(effective, scope.with_item(at, item))) for at, item in enumerate(items)]


MAP = Kind(INPUT_OUTPUT | ARGUMENTS | RESULT | ERRORS | _OWN | _DISTRIBUTED, _compile, _enter)
