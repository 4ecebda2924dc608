"""What TestState is given instead of the world: a result or an error, how often something has failed before."""

from collections.abc import Callable
from typing import Any, NamedTuple

from stepwell.api.door import Door, Request
from stepwell.asl.machine import State
from stepwell.asl.outcome import Access
from stepwell.asl.payload import Payload
from stepwell.errors import InvalidDefinition, ValidationException

_MOCKED = ("Task", "Map", "Parallel")
_ALONE = ("Task", "Wait", "Pass", "Succeed", "Fail", "Choice")
_CONFIGURED = ("retrierRetryCount", "errorCausedByState", "mapIterationFailureCount", "mapItemReaderData")
_WAITING = (".sync", ".sync:2", ".waitForTaskToken")


class Mock(NamedTuple):
    """A result, or an error and its cause. Of a Map `failures` iterations have failed; `read` is how it is read."""

    result: Payload | None
    error: str | None = None
    cause: str | None = None
    failures: int | None = None
    read: Callable[[Access], list[Any]] | None = None
    retries: int = 0  # how often the state was tried again before


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
    if "errorOutput" in mock:
        if "error" not in mock["errorOutput"]:
            raise ValidationException("A test mock's errorOutput must have an error.")
        ended = Mock(None, mock["errorOutput"]["error"], mock["errorOutput"].get("cause"))
    else:
        ended = Mock(_result(door, state, mock))
    data = configuration.get("mapItemReaderData")
    return ended._replace(
        failures=configuration.get("mapIterationFailureCount"),
        read=None if data is None else lambda reader: door.outside.read_items(reader, data),
        retries=configuration.get("retrierRetryCount", 0),
    )


def read_object(request: Request, field: str) -> dict[str, Any]:
    """A field that is the text of a JSON object; none at all is an empty one."""
    try:
        value = Payload.parse(request.get(field, "{}")).value
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


def _result(door: Door, state: State, mock: Request) -> Payload:
    """The mocked result, which has the form that the state's own would have."""
    result, mode = Payload.parse(mock["result"]), mock.get("fieldValidationMode")
    try:
        value = result.value
    except (ValueError, RecursionError):
        raise ValidationException("Mocked result must be valid JSON") from None
    if state.type == "Map" and state.detail.distributed and state.detail.distributed.writer:
        if not isinstance(value, dict):
            raise ValidationException("Mocked result must be a JSON object.")
    elif state.type in ("Map", "Parallel") and not isinstance(value, list):
        raise ValidationException("Mocked result must be an array.")
    if state.type == "Parallel" and len(value) != len(state.detail):
        raise ValidationException("Mocked result must contain the same number of items as number of Parallel branches.")
    if state.type == "Task" and mode != "NONE":
        door.outside.check_mock(state.detail.resource, value, mode != "PRESENT")
    return result
