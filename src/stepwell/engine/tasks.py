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
    if service == "aws-sdk":
        service, _, action = f"{service}:{action}".rpartition(":")
    return Voice("Task", {"resource": action, "resourceType": service})


def scheduled(call: Call) -> tuple[str, Payload, dict[str, Any]]:
    """The event that announces a call: type, payload, details."""
    stem, details = voice(call.resource)
    fields: dict[str, Any] = {"resource": call.resource} if details is None else {**details, "region": "us-east-1"}
    if call.timeout is not None:
        fields["timeoutInSeconds"] = round(call.timeout)
    if call.heartbeat is not None and details is not None:
        fields["heartbeatInSeconds"] = round(call.heartbeat)
    if call.credentials is not None:
        fields["taskCredentials"] = {"roleArn": call.credentials.value.get("RoleArn")}
    fields["_resource"] = call.resource
    return f"{stem}Scheduled", call.arguments, fields


def lambda_result(answer: Payload, request: str, date: str, trace: str) -> Payload:
    """What `lambda:invoke` answers: what the function has returned, in the answer of Lambda's own API."""
    headers = {
        "Connection": "keep-alive",
        "Content-Length": str(answer.size),
        "Content-Type": "application/json",
        "Date": date,
        "X-Amz-Executed-Version": "$LATEST",
        "x-amzn-Remapped-Content-Length": "0",
        "x-amzn-RequestId": request,
        "X-Amzn-Trace-Id": trace,
    }
    http = {
        "AllHttpHeaders": {name: [value] for name, value in headers.items()},
        "HttpHeaders": headers,
        "HttpStatusCode": 200,
    }
    return Payload.of(
        {
            "ExecutedVersion": "$LATEST",
            "Payload": answer.value,
            "SdkHttpMetadata": http,
            "SdkResponseMetadata": {"RequestId": request},
            "StatusCode": 200,
        }
    )
