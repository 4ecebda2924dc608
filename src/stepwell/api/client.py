"""A Step Functions client for the engine in this process, with the names and shapes of boto3's."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from stepwell.api.actions import ACTIONS, Door, aws_name, perform
from stepwell.api.door import Answer, Later, Written
from stepwell.asl.payload import Payload
from stepwell.errors import UnknownOperationException


class Client:
    """`client.start_execution(stateMachineArn=…)`; times are datetimes, as boto3 gives them."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        action = aws_name(name)
        if action not in ACTIONS:
            raise AttributeError(f"the Step Functions client of this machine has no {name}")

        def call(**request: Any) -> dict[str, Any]:
            answer = perform(self._door, action, request)
            if isinstance(answer, Later):
                raise UnknownOperationException(f"{action} is only there where `stepwell serve` runs")
            return shaped(answer)

        return call


def shaped(answer: Answer | Written) -> Answer:
    """Seconds since 1970 become datetimes where AWS's model has a timestamp."""
    fields: Answer = answer.value if isinstance(answer, Payload) else answer
    return {key: _shaped(key, value) for key, value in fields.items()}


def _shaped(key: str, value: Any) -> Any:
    if isinstance(value, float) and (key.endswith("Date") or key == "timestamp"):
        return datetime.fromtimestamp(value, UTC)
    if isinstance(value, list):
        return [shaped(item) if isinstance(item, dict) else item for item in value]
    return value
