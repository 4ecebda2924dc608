"""Map: runs one machine for every item of an array, inline or as executions of their own."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

from stepwell.asl.dataflow import conflict, invalid_path, leave_with_result
from stepwell.asl.expression import Expression
from stepwell.asl.fields import ARGUMENTS, ERRORS, INPUT_OUTPUT, RESULT
from stepwell.asl.jsonata import QueryFailed
from stepwell.asl.jsonpath import PathNotFound
from stepwell.asl.model import Machine, State
from stepwell.asl.outcome import Fork, MapRun, Plan
from stepwell.asl.payload import Payload, dumps
from stepwell.asl.reader import Reader
from stepwell.asl.scope import Scope
from stepwell.asl.states.distributed import FIELDS, Distributed, read_distributed
from stepwell.asl.states.kind import Branch, Kind
from stepwell.asl.states.limits import Limit, limit_of, percentage_of, read_limit
from stepwell.asl.template import Fill
from stepwell.errors import StatesError

_TOLERANCES = {
    "ToleratedFailureCount",
    "ToleratedFailureCountPath",
    "ToleratedFailurePercentage",
    "ToleratedFailurePercentagePath",
}
_OWN = {"ItemProcessor", "Iterator", "ItemsPath", "Items", "ItemSelector", "MaxConcurrency", "MaxConcurrencyPath"}
_CONFIG = frozenset({"Mode", "ExecutionType"})


Items = Callable[[Payload, Scope], list[Any]]


class _Detail(NamedTuple):
    machine: Machine
    items: Items
    selector: Fill | None
    concurrency: Limit
    tolerated_count: Limit
    tolerated_percentage: Limit
    distributed: Distributed | None

    def most_at_once(self, payload: Payload, scope: Scope) -> int:
        return limit_of(self.concurrency, "MaxConcurrency", 0, payload, scope) or 0

    def tolerances(self, payload: Payload, scope: Scope) -> tuple[int, float]:
        """AWS reads them in an inline Map too, where they change nothing, and always when the state has started."""
        return (
            limit_of(self.tolerated_count, "ToleratedFailureCount", 0, payload, scope) or 0,
            percentage_of(self.tolerated_percentage, "ToleratedFailurePercentage", payload, scope) or 0,
        )


def _compile(reader: Reader, branch: Branch) -> _Detail | None:
    reader.exclusive("ItemProcessor", "Iterator")
    reader.exclusive("ItemSelector", "Parameters")
    inner = reader.object("ItemProcessor") or reader.object("Iterator")
    if inner is None:
        reader.require("ItemProcessor")
        return None
    return _Detail(
        branch(inner),
        _items(reader),
        reader.template("ItemSelector" if reader.has("ItemSelector") else "Parameters"),
        read_limit(reader, "MaxConcurrency", 0),
        read_limit(reader, "ToleratedFailureCount", 0),
        read_limit(reader, "ToleratedFailurePercentage", 0, 100, whole=False),
        _mode(reader, inner),
    )


def _mode(reader: Reader, inner: Reader) -> Distributed | None:
    config = inner.object("ProcessorConfig") or inner.within({}, "")
    config.allow(_CONFIG)
    mode, type_ = config.text("Mode") or "INLINE", config.text("ExecutionType")
    if mode not in ("INLINE", "DISTRIBUTED"):
        config.refuse("Value must be one of: [INLINE, DISTRIBUTED]", "Mode")
    if mode == "DISTRIBUTED":
        config.require("ExecutionType")
        if type_ not in (None, "STANDARD", "EXPRESS"):
            config.refuse("Value must be one of: [STANDARD, EXPRESS]", "ExecutionType")
        return read_distributed(reader, type_ == "EXPRESS")
    for field in sorted(FIELDS & reader.fields.keys()):
        reader.refuse(f"Field '{field}' is only supported when the mode is DISTRIBUTED", field)
    return None


def _enter(state: State, raw: Payload, scope: Scope) -> Fork | MapRun:
    detail: _Detail = state.detail
    effective = state.flow.input(raw, scope)
    concurrency = detail.most_at_once(effective, scope)
    if detail.distributed:
        return _map_run(detail, detail.distributed, concurrency, effective, scope)
    items = detail.items(effective, scope)
    inputs = list(_inputs(items, detail.selector, effective, scope))
    begun = partial(detail.tolerances, effective, scope)
    return Fork("Map", (detail.machine,), inputs, concurrency, state.name, items, begun)


def _map_run(detail: _Detail, distributed: Distributed, concurrency: int, effective: Payload, scope: Scope) -> MapRun:
    items = [] if distributed.reader else detail.items(effective, scope)

    def plan() -> Plan:
        tolerances, batches = detail.tolerances(effective, scope), distributed.batches(effective, scope)
        return Plan(
            detail.machine,
            distributed.label,
            distributed.express,
            concurrency,
            *tolerances,
            items,
            lambda found: batches(_inputs(found, detail.selector, effective, scope)),
            distributed.reader(effective, scope) if distributed.reader else None,
            distributed.writer(effective, scope) if distributed.writer else None,
        )

    return MapRun(len(items), plan)


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
            steps = found.path and found.path.reference
            if not steps or found.of_context or found.variable:
                raise invalid_path(found, problem) from None
            raise conflict(found.text, steps, payload) from None
        if not isinstance(value, list):
            path = found.text if found else "$"
            raise StatesError("States.Runtime", f'Reference path "{path}" must point to array.')
        return value

    return items


def _inputs(items: Iterable[Any], selector: Fill | None, effective: Payload, scope: Scope) -> Iterator[Payload]:
    for at, item in enumerate(items):
        yield Payload.of(selector(effective, scope.with_item(at, item)) if selector else item)


_FIELDS = INPUT_OUTPUT | ARGUMENTS | RESULT | ERRORS | _OWN | _TOLERANCES | FIELDS
MAP = Kind(_FIELDS, _compile, _enter, leave_with_result)
