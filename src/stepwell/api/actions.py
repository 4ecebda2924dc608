"""One function for each action of the Step Functions API: it reads the journal or appends facts."""

import json
import time
from collections.abc import Callable
from secrets import token_hex
from typing import Any

from stepwell.api.arns import ROLE, check_arn, check_name, execution_arn, machine_arn
from stepwell.asl.machine import parse_machine
from stepwell.asl.payload import Payload
from stepwell.engine.advance import start
from stepwell.engine.events import shown
from stepwell.engine.execution import Execution
from stepwell.errors import (
    ExecutionAlreadyExists,
    ExecutionDoesNotExist,
    ExecutionNotRedrivable,
    InvalidExecutionInput,
    InvalidToken,
    StateMachineAlreadyExists,
    StateMachineDoesNotExist,
    ValidationException,
)
from stepwell.journal.catalog import MachineRow, hash_of
from stepwell.journal.journal import ExecutionRow, Journal

Request = dict[str, Any]
Answer = dict[str, Any]
ENDED = ("SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT")


class Door:
    """What the actions work on. `owner` is who advances what is started here; `started` tells its worker."""

    def __init__(
        self,
        journal: Journal,
        owner: str,
        started: Callable[[int], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.journal = journal
        self.owner = owner
        self.started = started
        self.clock = clock

    def now(self) -> int:
        return int(self.clock() * 1000)

    def call(self, action: str, request: Request) -> Answer:
        """Perform one action by its AWS name."""
        if action not in ACTIONS:
            raise ValidationException(f"unknown action {action}; known: {', '.join(sorted(ACTIONS))}")
        return ACTIONS[action](self, request)


# State machines


def create_state_machine(door: Door, request: Request) -> Answer:
    """The same name, definition and role again is no mistake; another definition is."""
    text, now = request["definition"], door.now()
    parse_machine(text)
    arn = machine_arn(check_name(request["name"]))
    role = request.get("roleArn", ROLE)
    existing = door.journal.catalog.machine(arn)
    if existing is None:
        door.journal.catalog.save_machine(MachineRow(arn, request["name"], role, hash_of(text), None, now, now), text)
    elif (existing.definition, existing.role) != (hash_of(text), role):
        raise StateMachineAlreadyExists(f"State Machine Already Exists: '{arn}'")
    return {"stateMachineArn": arn, "creationDate": (existing.created if existing else now) / 1000}


def update_state_machine(door: Door, request: Request) -> Answer:
    """Executions that are under way keep the definition that they began with."""
    row, now = _machine(door, request["stateMachineArn"]), door.now()
    text = request.get("definition") or door.journal.catalog.definition(row.definition)
    parse_machine(text)
    row = row._replace(
        definition=hash_of(text), role=request.get("roleArn", row.role), revision=token_hex(16), updated=now
    )
    door.journal.catalog.save_machine(row, text)
    return {"updateDate": now / 1000, "revisionId": row.revision}


def describe_state_machine(door: Door, request: Request) -> Answer:
    row = _machine(door, request["stateMachineArn"])
    answer = {
        "stateMachineArn": row.arn,
        "name": row.name,
        "status": "ACTIVE",
        "definition": door.journal.catalog.definition(row.definition),
        "roleArn": row.role,
        "type": "STANDARD",
        "creationDate": row.created / 1000,
    }
    return answer if row.revision is None else answer | {"revisionId": row.revision}


def describe_state_machine_for_execution(door: Door, request: Request) -> Answer:
    """The definition that the execution began with, which may not be the machine's any more."""
    row = _execution(door, request["executionArn"])
    machine = _machine(door, row.machine)
    return {
        "stateMachineArn": row.machine,
        "name": machine.name,
        "definition": door.journal.catalog.definition(row.definition),
        "roleArn": row.role,
        "updateDate": machine.updated / 1000,
    }


def list_state_machines(door: Door, _request: Request) -> Answer:
    machines = [
        {"stateMachineArn": m.arn, "name": m.name, "type": "STANDARD", "creationDate": m.created / 1000}
        for m in door.journal.catalog.machines()
    ]
    return {"stateMachines": machines}


# Executions


def start_execution(door: Door, request: Request) -> Answer:
    """A second call with the same name and input, while the first is under way, answers the first."""
    machine = _machine(door, request["stateMachineArn"])
    text, now = request.get("input", "{}"), door.now()
    _check_input(text)
    name = check_name(request.get("name") or token_hex(16))
    arn = execution_arn(machine.arn, name)
    twin = door.journal.execution(arn)
    if twin is not None:
        if twin.status == "RUNNING" and twin.input == text:
            return {"executionArn": arn, "startDate": twin.started / 1000}
        raise ExecutionAlreadyExists(f"Execution Already Exists: '{arn}'")
    definition = parse_machine(door.journal.catalog.definition(machine.definition))
    changes = start(Execution(arn, machine.arn, machine.role, definition), text, now)
    row = ExecutionRow(
        0, arn, machine.arn, machine.definition, machine.role, "RUNNING", text,
        None, None, None, now, None, 0, None, 1, door.owner,
    )  # fmt: skip
    door.started(door.journal.start(row, changes.events))
    return {"executionArn": arn, "startDate": now / 1000}


def describe_execution(door: Door, request: Request) -> Answer:
    row = _execution(door, request["executionArn"])
    answer = {
        "executionArn": row.arn,
        "stateMachineArn": row.machine,
        "name": row.arn.rpartition(":")[2],
        "status": row.status,
        "startDate": row.started / 1000,
        "input": row.input,
        "inputDetails": {"included": True},
        "redriveCount": row.redrives,
        "redriveStatus": "REDRIVABLE" if row.status in ENDED[1:] else "NOT_REDRIVABLE",
    }
    answer |= _ending(row)
    if row.status not in ENDED[1:]:
        answer["redriveStatusReason"] = _not_redrivable(row)
    return answer


def _ending(row: ExecutionRow) -> Answer:
    """The fields that only an execution that has ended, or was redriven, has."""
    fields = {"error": row.error, "cause": row.cause, "output": row.output}
    answer: Answer = {key: value for key, value in fields.items() if value is not None}
    if row.output is not None:
        answer["outputDetails"] = {"included": True}
    if row.stopped is not None:
        answer["stopDate"] = row.stopped / 1000
    if row.redriven is not None:
        answer["redriveDate"] = row.redriven / 1000
    return answer


def _not_redrivable(row: ExecutionRow) -> str:
    return f"Execution is {row.status} and cannot be redriven"


def list_executions(door: Door, request: Request) -> Answer:
    machine = request.get("stateMachineArn")
    if machine is not None:
        _machine(door, machine)
    limit = request.get("maxResults") or 100
    before = _token(request)
    rows = door.journal.executions(machine, request.get("statusFilter"), before, limit + 1)
    page = [
        {
            "executionArn": row.arn,
            "stateMachineArn": row.machine,
            "name": row.arn.rpartition(":")[2],
            "status": row.status,
            "startDate": row.started / 1000,
            "redriveCount": row.redrives,
        }
        | {key: value for key, value in _ending(row).items() if key in ("stopDate", "redriveDate")}
        for row in rows[:limit]
    ]
    answer: Answer = {"executions": page}
    return answer | {"nextToken": str(rows[limit - 1].id)} if len(rows) > limit else answer


def get_execution_history(door: Door, request: Request) -> Answer:
    """Pages by the key of the last event read, so that the last page costs what the first does."""
    row = _execution(door, request["executionArn"])
    limit = request.get("maxResults") or 100
    reverse = bool(request.get("reverseOrder"))
    after = _token(request)
    if after is None:
        after = row.last + 1 if reverse else 0
    events = door.journal.history(row.id, after, limit + 1, reverse)
    answer: Answer = {"events": [shown(event) for event in events[:limit]]}
    return answer | {"nextToken": str(events[limit - 1].id)} if len(events) > limit else answer


def stop_execution(door: Door, request: Request) -> Answer:
    """The owner is asked to stop it; an execution that has ended stays as it is."""
    row = _execution(door, request["executionArn"])
    if row.status == "RUNNING":
        wish: dict[str, Any] = {key: request[key] for key in ("error", "cause") if key in request}
        door.journal.post(row.id, "stop", wish)
    return {"stopDate": (row.stopped or door.now()) / 1000}


def redrive_execution(door: Door, request: Request) -> Answer:
    row = _execution(door, request["executionArn"])
    if row.status not in ENDED[1:] or not door.journal.reopen(row.id, door.owner):
        raise ExecutionNotRedrivable(f"Execution is not redrivable: '{row.arn}': {_not_redrivable(row)}")
    door.started(row.id)
    return {"redriveDate": door.now() / 1000}


# What the requests have in common


def _machine(door: Door, arn: str) -> MachineRow:
    row = door.journal.catalog.machine(check_arn(arn, "stateMachine"))
    if row is None:
        raise StateMachineDoesNotExist(f"State Machine Does Not Exist: '{arn}'")
    return row


def _execution(door: Door, arn: str) -> ExecutionRow:
    row = door.journal.execution(check_arn(arn, "execution"))
    if row is None:
        raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{arn}'")
    return row


def _check_input(text: str) -> None:
    try:
        json.loads(text)
    except ValueError as error:
        raise InvalidExecutionInput(f"Invalid State Machine Execution Input: '{error}'") from None
    if Payload.parse(text).size > 262_144:
        raise ValidationException("The input is larger than 262144 bytes")


def _token(request: Request) -> int | None:
    token = request.get("nextToken")
    if token is None:
        return None
    if not str(token).isdigit():
        raise InvalidToken(f"Invalid Token: '{token}'")
    return int(token)


ACTIONS: dict[str, Callable[[Door, Request], Answer]] = {
    "CreateStateMachine": create_state_machine,
    "DescribeExecution": describe_execution,
    "DescribeStateMachine": describe_state_machine,
    "DescribeStateMachineForExecution": describe_state_machine_for_execution,
    "GetExecutionHistory": get_execution_history,
    "ListExecutions": list_executions,
    "ListStateMachines": list_state_machines,
    "RedriveExecution": redrive_execution,
    "StartExecution": start_execution,
    "StopExecution": stop_execution,
    "UpdateStateMachine": update_state_machine,
}
