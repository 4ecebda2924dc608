"""Histories, written down one event a line: the type, the id that it points back at, its details."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

BEGIN = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
History = list[dict[str, Any]]
_KEYS = {"StateEntered": "stateEntered", "StateExited": "stateExited"}


def _key(type_: str) -> str:
    stem = next((key for ending, key in _KEYS.items() if type_.endswith(ending)), type_[0].lower() + type_[1:])
    return f"{stem}EventDetails"


@pytest.fixture
def history() -> Callable[[Sequence[tuple[Any, ...]]], History]:
    """`history([(type, previous, {details}?), …])`: ids count from 1, each event is a second after the one before."""

    def build(lines: Sequence[tuple[Any, ...]]) -> History:
        events = []
        for index, (type_, previous, *details) in enumerate(lines):
            event = {"id": index + 1, "previousEventId": previous, "type": type_}
            event["timestamp"] = BEGIN + timedelta(seconds=index)
            events.append(event | ({_key(type_): details[0]} if details else {}))
        return events

    return build
