"""TestState: one state by itself, with a mock where it would call a resource or run states of its own.

No history is written, so the language is asked without the engine; `inspection` watches what it does.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

from stepwell.api.arns import ROLE, check_role, machine_arn
from stepwell.api.definitions import check_definition
from stepwell.api.door import Answer, Door, Request, existing, given, new_id
from stepwell.api.executions import check_input
from stepwell.api.inspection import Seen, watched
from stepwell.api.mapped import mapped
from stepwell.api.mocks import Mock, read_mock, read_object
from stepwell.asl.machine import Machine, State, targets
from stepwell.asl.outcome import Call, Done, Fail, Fork, Go, MapRun, Wait
from stepwell.asl.payload import Payload, dumps
from stepwell.asl.retry import UNANSWERABLE, CatchAt, RetryAfter, caught, matching
from stepwell.asl.retry import answer as answer_to
from stepwell.asl.scope import Scope
from stepwell.asl.states import check_result, enter, resume
from stepwell.engine.context import timestamp
from stepwell.engine.execution import machines_of
from stepwell.engine.failure import located
from stepwell.errors import StatesError, ValidationException

LONGEST = 300.0  # seconds, as on AWS
_ALONE = "StateName"  # what AWS calls a state that is given without a machine
_ENTERED = 2  # the id of its Entered event


def test_state(door: Door, request: Request) -> Answer:
    test = _Test(door, request)
    try:
        ended = test.run()
    except StatesError as error:
        ended = Fail(error.name, test.cause(error))
    try:
        answer = test.left("SUCCEEDED", ended) if isinstance(ended, Go) else test.failed(ended)
    except StatesError as error:  # of the catcher's own fields
        answer = {"status": "FAILED", "error": error.name, "cause": test.cause(error)}
    return answer if request.get("inspectionLevel", "INFO") == "INFO" else answer | {"inspectionData": test.seen}


class _Test:
    """A state, what it is given, and what is `seen` of its data on the way."""

    def __init__(self, door: Door, request: Request) -> None:
        self.door = door
        self.state, item = _subject(request)
        self.mock = read_mock(door, self.state, request)
        self.role = check_role(request.get("roleArn", ROLE))
        text = request.get("input", "{}")
        check_input(text)
        self.raw = Payload.parse(text)
        self.seen: Seen = {"input": self.raw.text}
        variables = {name: Payload.of(value) for name, value in read_object(request, "variables").items()}
        now = door.now()
        context = read_object(request, "context") if "context" in request else self._context(request, now, item)
        self.scope = Scope(lambda: context, now / 1000, door.random, variables, now)

    @property
    def retries(self) -> int:
        return self.mock.retries if self.mock else 0

    def _context(self, request: Request, now: int, item: bool) -> dict[str, Any]:
        """AWS's stand-in for the context object: an Express execution of a machine that nobody has made."""
        machine, name, moment = machine_arn(new_id()), new_id(), timestamp(now)
        context: dict[str, Any] = {
            "Execution": {
                "Id": f"{machine.replace(':stateMachine:', ':express:')}:{name}",
                "Input": self.raw.value,
                "Name": name,
                "RoleArn": self.role,
                "StartTime": moment,
            },
            "StateMachine": {"Id": machine, "Name": machine.rpartition(":")[2]},
            "State": {"Name": self.state.name, "EnteredTime": moment, "RetryCount": self.retries},
        }
        if self.state.type == "Task" and self.state.detail.resource.endswith(".waitForTaskToken"):
            context["Task"] = {"Token": new_id()}
        return context | ({"Map": {"Item": {"Index": 0, "Value": self.raw.value}}} if item else {})

    def run(self) -> Go | Fail:
        """How the state ends; raises StatesError where it cannot be evaluated."""
        state = watched(self.state, self.seen)
        outcome = enter(state, self.raw, self.scope)
        if isinstance(outcome, Go | Fail):
            return outcome
        if isinstance(outcome, Done):
            return Go(outcome.output, None)
        if isinstance(outcome, Wait):
            seconds = outcome.until - self.scope.now
            time.sleep(min(max(0.0, seconds), LONGEST))
            return Fail("States.Timeout", None) if seconds > LONGEST else resume(state, self.raw, self.raw, self.scope)
        reply = self._answer(state, outcome)
        if reply.result is None:
            return Fail(reply.error, reply.cause)
        if state.type == "Task":
            self.seen["result"] = reply.result.text
            check_result(state, reply.result)
        return resume(state, self.raw, reply.result, self.scope)

    def _answer(self, state: State, outcome: Call | Fork | MapRun) -> Mock:
        """The mock's, else that of the resource."""
        if isinstance(outcome, Call):
            return self.mock or Mock(*self.door.outside.call(outcome, min(outcome.timeout or LONGEST, LONGEST)))
        assert self.mock is not None
        return mapped(state, outcome, self.raw, self.scope, self.mock, self.seen) if state.type == "Map" else self.mock

    def left(self, status: str, go: Go) -> Answer:
        variables = {**self.scope.variables, **(go.variables or {})}
        if variables:
            self.seen["variables"] = dumps({name: value.value for name, value in variables.items()})
        return given(status=status, output=go.output.text, nextState=go.next)

    def failed(self, ended: Fail) -> Answer:
        """What Retry and Catch make of an error. AWS names the retrier also when its attempts are used up."""
        state, error = self.state, ended.error or ""
        choice = answer_to(state, error, [self.retries] * len(state.retry), self.scope.random)
        details = given(retryIndex=None if error == UNANSWERABLE else matching(state.retry, error))
        answer = given(error=ended.error, cause=ended.cause, status="FAILED")
        if isinstance(choice, RetryAfter):
            answer["status"] = "RETRIABLE"
            details["retryBackoffIntervalSeconds"] = int(choice.seconds)
        elif isinstance(choice, CatchAt):
            details["catchIndex"] = choice.index
            go = caught(state, choice.catcher, self.raw, ended.error, ended.cause, self.scope)
            answer |= self.left("CAUGHT_ERROR", go)
        if details:
            self.seen["errorDetails"] = details
        return answer

    def cause(self, error: StatesError) -> str | None:
        return located(self.state.name, _ENTERED, error)


# Which state


def _subject(request: Request) -> tuple[State, bool]:
    """The state under test, and whether it is inside a Map."""
    text, name = request["definition"], request.get("stateName")
    machine = check_definition(text if name else _alone(text), "STANDARD")
    found = next((each for each in _states(machine) if each[0].name == (name or _ALONE)), None)
    return existing(found, ValidationException("State not found in definition"))


def _alone(text: str) -> str:
    """A machine around the state, with something to go to wherever it goes."""
    try:
        state = json.loads(text)
    except (ValueError, RecursionError):
        return text
    ends = {target: {"Type": "Succeed"} for _, target in targets(state)}
    return dumps({"StartAt": _ALONE, "States": {**ends, _ALONE: state}})


def _states(machine: Machine, item: bool = False) -> Iterator[tuple[State, bool]]:
    """Every state of a machine and of those inside, and whether it is inside a Map."""
    for state in machine.states.values():
        yield state, item
        for inner in machines_of(state) if state.type in ("Map", "Parallel") else ():
            yield from _states(inner, item or state.type == "Map")
