"""Which history events stand for a call, by what its resource is."""

from hashlib import sha1
from typing import Any, NamedTuple

from stepwell.asl.outcome import Call
from stepwell.asl.payload import Payload

LAMBDA_ARN = "arn:aws:lambda:"
CALLBACK = ".waitForTaskToken"


class Voice(NamedTuple):
    """How a call speaks in the history: the stem of its event types, and details that each of them repeats."""

    stem: str
    details: dict[str, Any] | None


_LAMBDA = Voice("LambdaFunction", None)
_ACTIVITY = Voice("Activity", None)


def uuid_of(text: str, number: int = 0) -> str:
    """Always the same of the same: a call's of its execution and event, so that its log is found by the history."""
    digest = sha1(f"{text}#{number}".encode(), usedforsecurity=False).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"


def is_activity(resource: str) -> bool:
    return resource.split(":")[2:6:3] == ["states", "activity"]


def is_submitted(resource: str) -> bool:
    """The call is not over with its answer: its job ends it, or the holder of its token, which a job has too."""
    return resource.endswith((CALLBACK, ".sync", ".sync:2"))


def voice(resource: str) -> Voice:
    """A Lambda function by ARN and an activity have events of their own; everything else speaks as Task."""
    if resource.startswith(LAMBDA_ARN):
        return _LAMBDA
    if is_activity(resource):
        return _ACTIVITY
    service, _, action = resource.rpartition(":::")[2].partition(":")
    if service == "aws-sdk":
        service, _, action = f"{service}:{action}".rpartition(":")
    return Voice("Task", {"resource": action, "resourceType": service})


def scheduled(call: Call) -> tuple[str, Payload, dict[str, Any]]:
    """The event that announces a call: type, payload, details."""
    stem, details = voice(call.resource)
    fields: dict[str, Any] = {"resource": call.resource} if details is None else {**details, "region": "us-east-1"}
    if call.timeout is not None:
        fields["timeoutInSeconds"] = round(call.timeout)
    if call.heartbeat is not None and stem != "LambdaFunction":
        fields["heartbeatInSeconds"] = round(call.heartbeat)
    if call.credentials is not None:
        fields["taskCredentials"] = {"roleArn": call.credentials.value.get("RoleArn")}
    fields["_resource"] = call.resource
    return f"{stem}Scheduled", call.arguments, fields
