"""One record per history event, under AWS's names, and the few facts beside them that AWS does not show."""

from typing import Any, NamedTuple

from stepwell.asl.assign import Assigned
from stepwell.asl.payload import Payload

# A fact of ours, kept beside the event that it follows and never shown: which retrier answers a failure, and when.
RETRY = "Retry"


class Event(NamedTuple):
    """What has happened: AWS's `id`, `previousEventId`, `timestamp` and `type`, and whose frame it belongs to.

    `part` is 0 for an event of AWS's; our facts share the id of the event that they follow and count 1, 2 …
    `time` is in milliseconds since 1970. `payload` is the event's input or output, `details` its other fields.
    """

    id: int
    part: int
    previous: int
    time: int
    type: str
    frame: int
    name: str | None
    payload: Payload | None
    details: dict[str, Any] | None


# Where AWS puts the fields of an event: the details' key, and what its payload is called there.
STATE_ENTERED = ("stateEnteredEventDetails", "input")
STATE_EXITED = ("stateExitedEventDetails", "output")
SHAPES: dict[str, tuple[str, str]] = {
    "ExecutionStarted": ("executionStartedEventDetails", "input"),
    "ExecutionSucceeded": ("executionSucceededEventDetails", "output"),
    "ExecutionFailed": ("executionFailedEventDetails", ""),
    "ExecutionAborted": ("executionAbortedEventDetails", ""),
    "ExecutionTimedOut": ("executionTimedOutEventDetails", ""),
    "ExecutionRedriven": ("executionRedrivenEventDetails", ""),
    "LambdaFunctionScheduled": ("lambdaFunctionScheduledEventDetails", "input"),
    "LambdaFunctionSucceeded": ("lambdaFunctionSucceededEventDetails", "output"),
    "LambdaFunctionFailed": ("lambdaFunctionFailedEventDetails", ""),
    "LambdaFunctionTimedOut": ("lambdaFunctionTimedOutEventDetails", ""),
    "EvaluationFailed": ("evaluationFailedEventDetails", ""),
    "TaskScheduled": ("taskScheduledEventDetails", "parameters"),
    "TaskStarted": ("taskStartedEventDetails", ""),
    "TaskSucceeded": ("taskSucceededEventDetails", "output"),
    "TaskFailed": ("taskFailedEventDetails", ""),
    "TaskTimedOut": ("taskTimedOutEventDetails", ""),
    "MapStateStarted": ("mapStateStartedEventDetails", ""),
    "MapIterationStarted": ("mapIterationStartedEventDetails", ""),
    "MapIterationSucceeded": ("mapIterationSucceededEventDetails", ""),
    "MapIterationFailed": ("mapIterationFailedEventDetails", ""),
    "MapIterationAborted": ("mapIterationAbortedEventDetails", ""),
}


def shown(event: Event) -> dict[str, Any]:
    """The event as GetExecutionHistory shows it; `timestamp` in seconds, as AWS's JSON protocol has it."""
    answer: dict[str, Any] = {
        "timestamp": event.time / 1000,
        "type": event.type,
        "id": event.id,
        "previousEventId": event.previous,
    }
    key, payload_name = _shape(event.type)
    fields = _fields(event, payload_name)
    if key and (fields or event.type in _ALWAYS_DETAILED):
        answer[key] = fields
    return answer


def exit_details(variables: Assigned | None) -> dict[str, Any] | None:
    """What a …StateExited event says of the variables that the state has set."""
    if not variables:
        return None
    texts = {name: value.text for name, value in variables.items()}
    return {"assignedVariables": texts, "assignedVariablesDetails": {"truncated": False}}


# AWS writes these details even when they are empty.
_ALWAYS_DETAILED = frozenset({"ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"})


def _shape(type_: str) -> tuple[str, str]:
    if type_ in SHAPES:
        return SHAPES[type_]
    if type_.endswith("StateEntered"):
        return STATE_ENTERED
    return STATE_EXITED if type_.endswith("StateExited") else ("", "")


def _fields(event: Event, payload_name: str) -> dict[str, Any]:
    fields: dict[str, Any] = {} if event.name is None else {"name": event.name}
    if event.payload is not None and payload_name:
        fields[payload_name] = event.payload.text
        if payload_name != "parameters":
            fields[f"{payload_name}Details"] = {"truncated": False}
    return fields | {key: value for key, value in (event.details or {}).items() if not key.startswith("_")}
