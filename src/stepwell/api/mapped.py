"""A Map that TestState tries: its items on their way to the iterations, and how many of these may have failed."""

from collections.abc import Iterable, Sequence
from typing import Any

from stepwell.api.door import given
from stepwell.api.inspection import Seen
from stepwell.api.mocks import Mock
from stepwell.asl.machine import State
from stepwell.asl.outcome import Fork, MapRun
from stepwell.asl.payload import Payload, dumps
from stepwell.asl.scope import Scope
from stepwell.errors import ValidationException

_EXCEEDED = "States.ExceedToleratedFailureThreshold"


def mapped(state: State, outcome: Fork | MapRun, raw: Payload, scope: Scope, mock: Mock, seen: Seen) -> Mock:
    """The mock, unless more iterations have failed than the Map tolerates. `seen` is told what there is to see."""
    detail = state.detail
    effective = state.flow.input(raw, scope)
    concurrency, (count, percentage) = detail.most_at_once(effective, scope), detail.tolerances(effective, scope)
    counted, rated = detail.tolerated_count is not None, detail.tolerated_percentage is not None
    seen |= given(
        maxConcurrency=concurrency,
        toleratedFailureCount=count if counted else None,
        toleratedFailurePercentage=percentage if rated else None,
    )
    total, failures = _iterations(state, outcome, effective, scope, mock, seen), mock.failures
    if failures is None or mock.result is None or total is None:
        return mock
    if failures > total:
        raise ValidationException(
            "Map iteration failure count must be less than or equal to the number of Map iterations"
        )
    if (counted and failures > count) or (rated and failures * 100 > percentage * total):
        return Mock(None, _EXCEEDED, "The specified tolerated failure threshold was exceeded")
    return mock


def _iterations(
    state: State, outcome: Fork | MapRun, effective: Payload, scope: Scope, mock: Mock, seen: Seen
) -> int | None:
    """How many there are of them, before they are put into batches; None where nobody says so."""
    items: Sequence[Any] | None
    if isinstance(outcome, Fork):
        items, reader, batched, inputs = outcome.items, None, False, [each.text for each in outcome.inputs]
    else:
        plan = outcome.plan()
        items, reader, batched = plan.items, plan.reader, state.detail.distributed.batched
        if reader is not None and mock.read is not None:
            items = mock.read(reader)
        inputs = [payload.text for payload, _ in plan.children(items or ())]
    if items is None:
        return len(mock.result.value) if mock.result is not None and isinstance(mock.result.value, list) else None
    if reader is not None and "ItemsPointer" in reader.options:
        seen["afterItemsPointer"] = _listed(map(dumps, items))
    if reader is None and not state.jsonata and items is not effective.value:
        seen["afterItemsPath"] = _listed(map(dumps, items))
    selector = state.detail.selector
    if selector:
        selected = (dumps(selector(effective, scope.with_item(at, item))) for at, item in enumerate(items))
        seen["afterItemSelector"] = _listed(selected if batched else inputs)
    if batched:
        seen["afterItemBatcher"] = _listed(inputs)
    return len(items)


def _listed(texts: Iterable[str]) -> str:
    """As AWS writes these arrays: with a blank behind each comma."""
    return f"[{', '.join(texts)}]"
