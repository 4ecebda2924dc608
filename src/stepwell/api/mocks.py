"""What TestState is given instead of the world: a result or an error, how often something has failed before."""

from typing import Any, NamedTuple

from stepwell.api.door import Door, Request
from stepwell.asl.machine import State
from stepwell.asl.payload import Payload
from stepwell.errors import InvalidDefinition, ValidationException

_MOCKED = ("Task", "Map", "Parallel")
_ALONE = ("Task", "Wait", "Pass", "Succeed", "Fail", "Choice")
_CONFIGURED = ("retrierRetryCount", "errorCausedByState", "mapIterationFailureCount", "mapItemReaderData")
_WAITING = (".sync", ".sync:2", ".waitForTaskToken")


class Mock(NamedTuple):
    """A result, or an error and its cause. Of a Map `failures` iterations have failed; `read` is what it would read."""

    result: Payload | None
    error: str | None = None
    cause: str | None = None
    failures: int | None = None
    read: str | None = None


def read_mock(door: Door, state: State, request: Request) -> Mock | None:
    """The mock of a request; refused is what AWS refuses, in its words and its order."""
    configuration = request.get("stateConfiguration") or {}
    if "mock" not in request:
        _check_unmocked(state, request, configuration)
        return None
    mock: Request = request["mock"]
    if ("result" in mock) == ("errorOutput" in mock):
        raise ValidationException("A test mock should have only one of the following fields: [result, errorOutput].")
    if request.get("revealSecrets"):
        raise ValidationException("TestState does not support RevealSecrets when a mock is specified.")
    if state.type not in _MOCKED:
        raise ValidationException(f"State type '{state.type}' is not supported when a mock is specified")
    failures, read = configuration.get("mapIterationFailureCount"), configuration.get("mapItemReaderData")
    if "errorOutput" in mock:
        return Mock(None, mock["errorOutput"].get("error"), mock["errorOutput"].get("cause"), failures, read)
    result = _result(state, mock["result"])
    if state.type == "Task" and mock.get("fieldValidationMode") != "NONE":
        door.outside.check_mock(state.detail.resource, result.value, mock.get("fieldValidationMode") != "PRESENT")
    return Mock(result, failures=failures, read=read)


def read_object(request: Request, field: str) -> dict[str, Any]:
    """A field that is the text of a JSON object."""
    try:
        value = Payload.parse(request[field]).value
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ValidationException(f"{field[0].upper()}{field[1:]} must be a valid JSON object")
    return value


def _check_unmocked(state: State, request: Request, configuration: Request) -> None:
    for field in ("context", *_CONFIGURED):
        if field in request or field in configuration:
            named = f"{field[0].upper()}{field[1:]}"
            raise ValidationException(f"TestState does not support {named} when a mock is not specified.")
    if state.type not in _ALONE:
        raise InvalidDefinition(
            "TestState API does not support Map or Parallel states. "
            f"Supported state types include: [{', '.join(_ALONE)}]"
        )
    if state.type == "Task":
        resource: str = state.detail.resource
        if ":activity:" in resource or resource.endswith(_WAITING):
            raise ValidationException(
                f"TestState does not support the resource {resource} when a mock is not specified."
            )
        if "roleArn" not in request:
            raise ValidationException("RoleArn must be specified when testing a Task state")


def _result(state: State, text: str) -> Payload:
    """The mocked result, which has the form that the state's own would have."""
    try:
        value = Payload.parse(text).value
    except (ValueError, RecursionError):
        raise ValidationException("Mocked result must be valid JSON") from None
    if state.type == "Map" and state.detail.distributed and state.detail.distributed.writer:
        if not isinstance(value, dict):
            raise ValidationException("Mocked result must be a JSON object.")
    elif state.type in ("Map", "Parallel") and not isinstance(value, list):
        raise ValidationException("Mocked result must be an array.")
    if state.type == "Parallel" and len(value) != len(state.detail):
        raise ValidationException("Mocked result must contain the same number of items as number of Parallel branches.")
    return Payload.parse(text)
