"""Which history events stand for a call, by what its resource is."""

from typing import Any, NamedTuple

from stepwell.asl.outcome import Call
from stepwell.asl.payload import Payload

LAMBDA_ARN = "arn:aws:lambda:"


class Voice(NamedTuple):
    """How a call speaks in the history: the stem of its event types, and details that each of them repeats."""

    stem: str
    details: dict[str, Any] | None


_LAMBDA = Voice("LambdaFunction", None)


def voice(resource: str) -> Voice:
    """A Lambda function by ARN has events of its own; everything else speaks as Task."""
    if resource.startswith(LAMBDA_ARN):
        return _LAMBDA
    service, _, action = resource.rpartition(":::")[2].partition(":")
    return Voice("Task", {"resource": action, "resourceType": service})


def scheduled(call: Call) -> tuple[str, Payload, dict[str, Any]]:
    """The event that announces a call: type, payload, details."""
    stem, details = voice(call.resource)
    fields: dict[str, Any] = {"resource": call.resource} if details is None else {**details, "region": "us-east-1"}
    if call.timeout is not None:
        fields["timeoutInSeconds"] = round(call.timeout)
    if call.heartbeat is not None and details is not None:
        fields["heartbeatInSeconds"] = round(call.heartbeat)
    fields["_resource"] = call.resource
    return f"{stem}Scheduled", call.arguments, fields
