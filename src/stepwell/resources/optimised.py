"""`arn:aws:states:::lambda:invoke`: what its parameters ask of a function, and what it makes of the answer."""

import json
import time
from typing import Any, NamedTuple

INVOKE = "arn:aws:states:::lambda:invoke"


class Wanted(NamedTuple):
    """The function that is asked for (a name or an ARN, with its qualifier) and the event's JSON text."""

    function: str
    qualifier: str | None
    event: str


def wanted(parameters: Any) -> Wanted:
    fields = parameters if isinstance(parameters, dict) else {}
    event = json.dumps(fields.get("Payload", {}), ensure_ascii=False, separators=(",", ":"))
    return Wanted(str(fields.get("FunctionName", "")), fields.get("Qualifier"), event)


def result(text: str, request_id: str, version: str) -> str:
    """The answer of Lambda's Invoke with its metadata, as Step Functions hands it on."""
    headers = {
        "Connection": "keep-alive",
        "Content-Length": str(len(text.encode())),
        "Content-Type": "application/json",
        "Date": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime()),
        "X-Amz-Executed-Version": version,
        "x-amzn-Remapped-Content-Length": "0",
        "x-amzn-RequestId": request_id,
        "X-Amzn-Trace-Id": f"root=1-{request_id[:8]}-{request_id.replace('-', '')[8:]};sampled=0",
    }
    metadata = {
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in headers.items()},
            "HttpHeaders": headers,
            "HttpStatusCode": 200,
        },
        "SdkResponseMetadata": {"RequestId": request_id},
        "StatusCode": 200,
    }
    rest = json.dumps(metadata, separators=(",", ":"))[1:]
    return f'{{"ExecutedVersion":{json.dumps(version)},"Payload":{text},{rest}'


def not_found(message: str, request_id: str) -> str:
    """The cause, as the optimised integration words what a service has refused."""
    return (
        f"{message} (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; "
        f"Request ID: {request_id}; Proxy: null)"
    )
