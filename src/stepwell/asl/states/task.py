"""Task: calls a resource with the arguments, within its time limits."""

from typing import NamedTuple

from stepwell.asl.dataflow import check_size, leave_with_result
from stepwell.asl.fields import ARGUMENTS, ERRORS, INPUT_OUTPUT, RESULT
from stepwell.asl.integrations import is_resource
from stepwell.asl.model import State
from stepwell.asl.outcome import Call, Go
from stepwell.asl.payload import Payload
from stepwell.asl.reader import Reader
from stepwell.asl.scope import Scope
from stepwell.asl.states.kind import Branch, Kind
from stepwell.asl.states.limits import Limit, limit_of, read_limit
from stepwell.asl.template import Fill

_TIMES = {"TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds", "HeartbeatSecondsPath"}
_OWN = _TIMES | {"Resource", "Arguments", "Credentials"}


class _Detail(NamedTuple):
    resource: str
    called: str  # what AWS calls the resource when its result is too large
    timeout: Limit
    heartbeat: Limit
    credentials: Fill | None


def _compile(reader: Reader, branch: Branch) -> _Detail:
    reader.require("Resource")
    resource = reader.text("Resource") or ""
    if resource and not is_resource(resource):
        why = "The value is not a valid resource ARN, or the resource is not available in this region."
        reader.refuse(f"The resource provided {resource} is not recognized. {why}", "Resource")
    timeout, heartbeat = read_limit(reader, "TimeoutSeconds", 1), read_limit(reader, "HeartbeatSeconds", 1)
    if isinstance(heartbeat, int) and isinstance(timeout, int) and heartbeat >= timeout:
        reader.refuse("Value must be smaller than TimeoutSeconds", "HeartbeatSeconds")
    return _Detail(resource, _called(resource), timeout, heartbeat, reader.template("Credentials"))


def _called(resource: str) -> str:
    """The service of an integration (`arn:aws:states:::lambda:invoke` is lambda), else the ARN."""
    parts = resource.removesuffix(":2").split(":")
    return ":".join(parts[5:-1]) if parts[2:5] == ["states", "", ""] else resource


def _enter(state: State, raw: Payload, scope: Scope) -> Call:
    detail: _Detail = state.detail
    effective = state.flow.input(raw, scope)
    return Call(
        detail.resource,
        state.flow.arguments(effective, scope),
        limit_of(detail.timeout, "TimeoutSeconds", 1, effective, scope),
        limit_of(detail.heartbeat, "HeartbeatSeconds", 1, effective, scope),
        Payload.of(detail.credentials(effective, scope)) if detail.credentials else None,
    )


def check_result(state: State, result: Payload) -> None:
    """Raises States.DataLimitExceeded: with AWS the task has then failed, and Retry and Catch are asked."""
    check_size(result, state.detail.called)


def _resume(state: State, raw: Payload, result: Payload, scope: Scope) -> Go:
    check_result(state, result)
    return leave_with_result(state, raw, result, scope)


TASK = Kind(INPUT_OUTPUT | ARGUMENTS | RESULT | ERRORS | _OWN, _compile, _enter, _resume)
