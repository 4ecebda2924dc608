"""One record per history event, under AWS's names, and the few facts beside them that AWS does not show."""

from functools import cache, lru_cache
from json import loads
from json.encoder import encode_basestring as _quoted
from typing import Any, NamedTuple

from stepwell.asl.assign import Assigned
from stepwell.asl.payload import Payload, dumps

# Facts of ours, kept beside the event that they follow and never shown: which retrier answers a failure, and when; that
# a task is alive; what the holder of a token has answered before its call was.
RETRY, HEARTBEAT, TOLD = "Retry", "Heartbeat", "Told"


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


# AWS writes the details of these even when they are empty.
_ALWAYS_DETAILED = frozenset(
    {"ActivityStarted", "ActivityFailed", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"}
)


def written(
    number: int, previous: int, time: int, type_: str, name: str | None, payload: str | None, details: str | None
) -> str:
    """An event as GetExecutionHistory writes it, from the texts that are kept: nothing is parsed on the way.

    `timestamp` is in seconds, as AWS's JSON protocol has it.
    """
    kind, opening, called, closing = _words(type_)
    head = f'{{"timestamp":{_seconds(time)}{kind}{number},"previousEventId":{previous}'
    fields = "" if name is None else f',"name":{_quoted(name)}'
    if payload is not None:
        fields += f",{called}{_quoted(payload)}{closing}"
    if details is not None and (inner := _public(details)):
        fields += f",{inner}"
    if not (fields or type_ in _ALWAYS_DETAILED):
        return head + "}"
    return f"{head}{opening}{fields[1:]}}}}}"


@lru_cache(64)
def _seconds(time: int) -> str:
    """Many events share their millisecond, and a number is written slowly."""
    return str(time / 1000)


@cache
def _words(type_: str) -> tuple[str, str, str, str]:
    """The pieces that are the same in all events of a type: its name, its details' key, its payload's, what follows.

    The details are called after the type, but for those of entering and leaving a state, whatever the state is.
    """
    after = type_[max(0, type_.find("StateE")) :]
    opening = f',"{after[0].lower()}{after[1:]}EventDetails":{{'
    if type_ == "TaskScheduled":
        called, closing = "parameters", ""
    else:
        called = "output" if type_.endswith(("Succeeded", "Submitted", "Exited")) else "input"
        closing = f',"{called}Details":{{"truncated":false}}'
    return f',"type":"{type_}","id":', opening, f'"{called}":', closing


def shown(event: Event) -> dict[str, Any]:
    """The same as a value."""
    payload = None if event.payload is None else event.payload.text
    details = None if event.details is None else dumps(event.details)
    text = written(event.id, event.previous, event.time, event.type, event.name, payload, details)
    answer: dict[str, Any] = loads(text)
    return answer


def blame(error: str | None, cause: str | None) -> dict[str, str]:
    """Error and cause as an event's details have them: what is missing has no key, half of a character is a `?`."""
    told = (("error", error), ("cause", cause))
    return {key: value.encode(errors="replace").decode() for key, value in told if value is not None}


def exit_details(variables: Assigned) -> dict[str, Any]:
    """What a …StateExited event says of the variables that the state has set."""
    texts = {name: value.text for name, value in variables.items()}
    return {"assignedVariables": texts, "assignedVariablesDetails": {"truncated": False}}


def _public(details: str) -> str:
    """The fields of these details (compact JSON) without braces, and without those of ours."""
    if '"_' in details:
        details = dumps({key: value for key, value in loads(details).items() if not key.startswith("_")})
    return details[1:-1]
