"""AWS's JSON protocol: bytes to a request, an answer or an error back to bytes."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from stepwell.api.jackson import no_constant
from stepwell.api.validation import validate
from stepwell.asl.payload import Payload, dumps
from stepwell.errors import (
    SerializationException,
    StepwellError,
    UnknownOperationException,
    ValidationException,
)

STEP_FUNCTIONS = "AWSStepFunctions."
JSON_1_0 = "application/x-amz-json-1.0"

Perform = Callable[[str, dict[str, Any]], dict[str, Any] | Payload]  # an action by its AWS name


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def step_functions(perform: Perform, known: frozenset[str], target: str, body: bytes) -> Reply:
    """One request of the Step Functions API."""
    action = target.removeprefix(STEP_FUNCTIONS)
    if not target.startswith(STEP_FUNCTIONS) or action not in known:
        raise UnknownOperationException(f"The action {action or '(none)'} is not served here")
    request = read_json(body)
    validate(action, request)
    if action == "ListExecutions" and len({"stateMachineArn", "mapRunArn"} & request.keys()) != 1:
        raise ValidationException("Must provide a State Machine ARN or Map Run ARN")
    answer = perform(action, request)
    text = answer.text if isinstance(answer, Payload) else dumps(answer)
    return Reply(200, {"Content-Type": JSON_1_0}, text.encode())


def read_json(body: bytes) -> dict[str, Any]:
    """A JSON object; nothing counts as an empty one, and a field that is null as one that is not there."""
    try:
        value = json.loads(body or b"{}", parse_constant=no_constant, object_hook=_without_nulls)
        if b"\\ud" in body.lower():  # half of a surrogate pair: no text that could be stored
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise SerializationException("The body is not JSON") from None
    if not isinstance(value, dict):
        raise SerializationException("Unexpected token: expected start of structure or map")
    return value


def _without_nulls(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}


def refusal(error: StepwellError, rest: bool = False) -> Reply:
    """An error as AWS's clients read it: by the body's `__type`, in REST APIs by a header."""
    kind = "Server" if error.status >= 500 else "User"
    headers = {"Content-Type": "application/json" if rest else JSON_1_0, "x-amzn-ErrorType": error.code}
    body = {"Type": kind, "Message": error.message} if rest else {}
    return Reply(error.status, headers, dumps({"__type": error.code, "message": error.message, **body}).encode())
