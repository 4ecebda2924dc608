"""TestState: one state by itself, with a mock where it would call a resource or run states of its own.

No history is written, so the language is asked without the engine; `inspection` watches what it does.
"""

import json
import time
from typing import Any, NamedTuple

from stepwell.api.arns import ROLE, machine_arn
from stepwell.api.definitions import check_definition
from stepwell.api.door import Answer, Door, Request, given, new_id
from stepwell.api.executions import check_input
from stepwell.api.inspection import Seen, watched
from stepwell.api.mapped import mapped
from stepwell.api.mocks import Mock, read_mock, read_object
from stepwell.asl.machine import Machine, State, targets
from stepwell.asl.outcome import Call, Done, Fail, Fork, Go, MapRun, Wait
from stepwell.asl.payload import Payload, dumps
from stepwell.asl.retry import UNANSWERABLE, CatchAt, RetryAfter, caught, matching
from stepwell.asl.retry import answer as answer_to
from stepwell.asl.scope import Scope, Variables
from stepwell.asl.states import check_result, enter, resume
from stepwell.engine.context import timestamp
from stepwell.engine.execution import machines_of
from stepwell.engine.failure import located
from stepwell.errors import StatesError, ValidationException

LONGEST = 300.0  # seconds, as on AWS
_ALONE = "StateName"  # what AWS calls a state that is given without a machine
_ENTERED = 2  # the id of its Entered event


class _Subject(NamedTuple):
    """The state under test; `item`: it is inside a Map."""

    state: State
    item: bool


def test_state(door: Door, request: Request) -> Answer:
    state, item = _subject(request)
    mock = read_mock(door, state, request)
    text = request.get("input", "{}")
    check_input(text)
    raw, variables = Payload.parse(text), _variables(request)
    seen: Seen = {"input": raw.text}
    scope = _scope(door, request, state, raw, variables, item)
    try:
        ended = _run(door, watched(state, seen), raw, scope, mock, seen)
    except StatesError as error:
        ended = Fail(error.name, located(state.name, _ENTERED, error))
    retries = (request.get("stateConfiguration") or {}).get("retrierRetryCount", 0)
    try:
        if isinstance(ended, Go):
            answer = _left("SUCCEEDED", ended, variables, seen)
        else:
            answer = _failed(state, ended, raw, scope, retries, seen)
    except StatesError as error:  # of the catcher's own fields
        answer = {"status": "FAILED", "error": error.name, "cause": located(state.name, _ENTERED, error)}
    return answer if request.get("inspectionLevel", "INFO") == "INFO" else answer | {"inspectionData": seen}


# Which state


def _subject(request: Request) -> _Subject:
    text, name = request["definition"], request.get("stateName")
    machine = check_definition(text if name else _alone(text), "STANDARD")
    found = _find(machine, name or _ALONE, item=False)
    if found is None:
        raise ValidationException("State not found in definition")
    return found


def _alone(text: str) -> str:
    """A machine around the state, with something to go to wherever it goes."""
    try:
        state = json.loads(text)
    except (ValueError, RecursionError):
        return text
    ends = {target: {"Type": "Succeed"} for _, target in targets(state)}
    return dumps({"StartAt": _ALONE, "States": {**ends, _ALONE: state}})


def _find(machine: Machine, name: str, item: bool) -> _Subject | None:
    for state in machine.states.values():
        if state.name == name:
            return _Subject(state, item)
        for inner in machines_of(state) if state.type in ("Map", "Parallel") else ():
            found = _find(inner, name, item or state.type == "Map")
            if found:
                return found
    return None


# What it sees


def _variables(request: Request) -> Variables:
    given = read_object(request, "variables") if "variables" in request else {}
    return {name: Payload.of(value) for name, value in given.items()}


def _scope(door: Door, request: Request, state: State, raw: Payload, variables: Variables, item: bool) -> Scope:
    now = door.now()
    context = read_object(request, "context") if "context" in request else _context(request, state, raw, now, item)
    return Scope(lambda: context, now / 1000, door.random, variables, now)


def _context(request: Request, state: State, raw: Payload, now: int, item: bool) -> dict[str, Any]:
    """AWS's stand-in for the context object: an Express execution of a machine that nobody has made."""
    machine, name, moment = machine_arn(new_id()), new_id(), timestamp(now)
    retries = (request.get("stateConfiguration") or {}).get("retrierRetryCount", 0)
    context: dict[str, Any] = {
        "Execution": {
            "Id": f"{machine.replace(':stateMachine:', ':express:')}:{name}",
            "Input": raw.value,
            "Name": name,
            "RoleArn": request.get("roleArn", ROLE),
            "StartTime": moment,
        },
        "StateMachine": {"Id": machine, "Name": machine.rpartition(":")[2]},
        "State": {"Name": state.name, "EnteredTime": moment, "RetryCount": retries},
    }
    if state.type == "Task" and state.detail.resource.endswith(".waitForTaskToken"):
        context["Task"] = {"Token": new_id()}
    return context | ({"Map": {"Item": {"Index": 0, "Value": raw.value}}} if item else {})


# What becomes of it


def _run(door: Door, state: State, raw: Payload, scope: Scope, mock: Mock | None, seen: Seen) -> Go | Fail:
    """How the state ends; raises StatesError where it cannot be evaluated."""
    outcome = enter(state, raw, scope)
    if isinstance(outcome, Go | Fail):
        return outcome
    if isinstance(outcome, Done):
        return Go(outcome.output, None)
    if isinstance(outcome, Wait):
        time.sleep(min(max(0.0, outcome.until - scope.now), LONGEST))
        over = outcome.until - scope.now > LONGEST
        return Fail("States.Timeout", None) if over else resume(state, raw, raw, scope)
    return _answered(door, state, outcome, raw, scope, mock, seen)


def _answered(
    door: Door, state: State, outcome: Call | Fork | MapRun, raw: Payload, scope: Scope, mock: Mock | None, seen: Seen
) -> Go | Fail:
    """The mock's answer, else that of the resource."""
    if isinstance(outcome, Call):
        reply = mock or Mock(*door.outside.call(outcome, min(outcome.timeout or LONGEST, LONGEST)))
    else:
        assert mock is not None
        reply = mapped(door, state, outcome, raw, scope, mock, seen) if state.type == "Map" else mock
    if reply.result is None:
        return Fail(reply.error, reply.cause)
    if state.type == "Task":
        seen["result"] = reply.result.text
        check_result(state, reply.result)
    return resume(state, raw, reply.result, scope)


def _left(status: str, go: Go, variables: Variables, seen: Seen) -> Answer:
    after = {**variables, **(go.variables or {})}
    if after:
        seen["variables"] = dumps({name: value.value for name, value in after.items()})
    return given(status=status, output=go.output.text, nextState=go.next)


def _failed(state: State, ended: Fail, raw: Payload, scope: Scope, retries: int, seen: Seen) -> Answer:
    """What Retry and Catch make of an error. AWS names the retrier also when its attempts are used up."""
    answer = given(error=ended.error, cause=ended.cause)
    details, error = {}, ended.error or ""
    choice = answer_to(state, error, [retries] * len(state.retry), scope.random)
    retrier = None if error == UNANSWERABLE else matching(state.retry, error)
    if retrier is not None:
        details["retryIndex"] = retrier
    answer["status"] = "FAILED"
    if isinstance(choice, RetryAfter):
        answer["status"] = "RETRIABLE"
        details["retryBackoffIntervalSeconds"] = int(choice.seconds)
    elif isinstance(choice, CatchAt):
        details["catchIndex"] = choice.index
        go = caught(state, choice.catcher, raw, ended.error, ended.cause, scope)
        answer |= _left("CAUGHT_ERROR", go, scope.variables, seen)
    if details:
        seen["errorDetails"] = details
    return answer
