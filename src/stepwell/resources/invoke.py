"""Lambda functions: what a Task asks of one, by its ARN or by `lambda:invoke`, and what it makes of the answer."""

import json
import time
from typing import Any, NamedTuple

from stepwell.resources.function import Response, blamed
from stepwell.resources.integrations import dumps, metadata
from stepwell.resources.services import Services

_INVOKE = "arn:aws:states:::lambda:invoke"
_ARN = "arn:aws:lambda:"
CALLBACK = ".waitForTaskToken"


def is_function(resource: str) -> bool:
    return resource.startswith(_ARN) or resource.partition(".")[0] == _INVOKE


class Wanted(NamedTuple):
    """The function that is asked for (a name or an ARN, with its qualifier), the event's JSON text, and how."""

    function: str
    qualifier: str | None
    event: str
    kind: str = "RequestResponse"
    plain: bool = False  # the event is all of the arguments, and the answer all of the result


def wanted(resource: str, text: str) -> Wanted:
    if resource.startswith(_ARN):
        return Wanted(resource, None, text, plain=True)
    fields = json.loads(text)
    fields = fields if isinstance(fields, dict) else {}
    kind = fields.get("InvocationType", "RequestResponse")
    return Wanted(str(fields.get("FunctionName", "")), fields.get("Qualifier"), dumps(fields.get("Payload", {})), kind)


def result(text: str, request: str, version: str, status: int = 200) -> str:
    """The answer of Lambda's Invoke with its metadata, as Step Functions hands it on."""
    headers = {
        "Connection": "keep-alive",
        "Content-Length": str(len(text.encode())),
        "Content-Type": "application/json",
        "Date": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime()),
        "X-Amz-Executed-Version": version,
        "x-amzn-Remapped-Content-Length": "0",
        "x-amzn-RequestId": request,
        "X-Amzn-Trace-Id": f"root=1-{request[:8]}-{request.replace('-', '')[8:]};sampled=0",
    }
    rest = dumps({**metadata(headers, status, request), "StatusCode": status})[1:]
    return f'{{"ExecutedVersion":{json.dumps(version)},"Payload":{text},{rest}'


def invoke_elsewhere(call: Services, asked: Wanted) -> tuple[Response, str, int]:
    """Where AWS_ENDPOINT_URL_LAMBDA says that functions are: the response, the version that ran, the status."""
    params: dict[str, Any] = {"FunctionName": asked.function, "Payload": asked.event, "InvocationType": asked.kind}
    if asked.qualifier is not None:
        params["Qualifier"] = asked.qualifier
    answer = call("lambda", "Invoke", params)
    text = answer["Payload"].read().decode() or "null"
    response = blamed(text) if "FunctionError" in answer else Response(text)
    return response, answer.get("ExecutedVersion", "$LATEST"), answer["StatusCode"]
