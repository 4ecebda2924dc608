"""Executions: started, looked at, stopped, redriven."""

import json

from stepwell.api.arns import check_name, execution_arn, execution_name, express_arn, qualified
from stepwell.api.door import (
    Answer,
    Door,
    Later,
    Request,
    Written,
    given,
    new_id,
    number_of,
    page,
    seconds,
    size_of,
    token_after,
    visible,
)
from stepwell.api.jackson import complaint
from stepwell.api.map_runs import map_run_of
from stepwell.api.versions import chosen_version, version_arn
from stepwell.asl.payload import Payload, dumps
from stepwell.engine.changes import LONGEST
from stepwell.engine.events import written
from stepwell.errors import (
    ExecutionAlreadyExists,
    ExecutionNotRedrivable,
    InvalidExecutionInput,
    StateMachineTypeNotSupported,
    ValidationException,
)
from stepwell.journal.catalog import MachineRow, VersionRow
from stepwell.journal.journal import ExecutionRow

_REDRIVABLE = ("FAILED", "ABORTED", "TIMED_OUT")
LARGEST_INPUT = 262_144  # bytes
TOKENS_LAST = 900  # seconds
_INCLUDED = {"included": True}
_BILLED_MS, _BILLED_MB = 100, 64  # what AWS rounds an Express execution's bill up to


def start_execution(door: Door, request: Request) -> Answer:
    """A second call with the same name and input, while the first is under way, answers the first."""
    row = _started(door, request)
    return {"executionArn": row.arn, "startDate": row.started / 1000}


def start_sync_execution(door: Door, request: Request) -> Later:
    """Start an Express execution; the answer is its end."""
    if door.machine_of(qualified(request["stateMachineArn"])).type != "EXPRESS":
        raise StateMachineTypeNotSupported
    row = _started(door, request)
    header = given(traceHeader=request.get("traceHeader"))
    return Later(row.id, lambda: visible(request, _sync_answer(door, row) | header))


def _started(door: Door, request: Request) -> ExecutionRow:
    name, now = qualified(request["stateMachineArn"]), door.now()
    machine, version = door.machine_of(name), chosen_version(door, name)
    text = request.get("input", "{}")
    check_input(text)
    given = check_name(request["name"]) if request.get("name") else new_id()
    if machine.type == "EXPRESS":
        own = express_arn(machine.arn, given, new_id())
    else:
        own = execution_arn(machine.arn, given)
        twin = door.journal.execution(own)
        if twin is not None:
            if twin.status == "RUNNING" and twin.input == text:
                return twin
            raise ExecutionAlreadyExists(f"Execution Already Exists: '{own}'")
    chosen: MachineRow | VersionRow = version or machine
    row = ExecutionRow(
        0, own, machine.arn, chosen.definition, chosen.role, "RUNNING", text,
        None, None, None, now, None, 0, None, 0, door.owner,
        version and version_arn(version), name.arn if name.alias else None, chosen.revision,
    )  # fmt: skip
    row = row._replace(id=door.journal.start(row))
    door.started(row.id)
    return row


def describe_execution(door: Door, request: Request) -> Answer:
    row = door.execution(request["executionArn"], child=True)
    obstacle = _obstacle(row)
    redrivable = "REDRIVABLE" if row.map_run is None else "REDRIVABLE_BY_MAP_RUN"
    redriving = given(
        redriveCount=row.redrives,
        redriveStatus="NOT_REDRIVABLE" if obstacle else redrivable,
        redriveStatusReason=obstacle,
        mapRunArn=row.map_run and door.journal.runs.by_id(row.map_run).arn,
    )
    return visible(request, _summary(row) | _data(row) | redriving)


def _summary(row: ExecutionRow) -> Answer:
    return given(
        executionArn=row.arn,
        stateMachineArn=row.machine,
        name=execution_name(row.arn),
        status=row.status,
        startDate=row.started / 1000,
        stopDate=seconds(row.stopped),
        redriveDate=seconds(row.redriven),
        stateMachineVersionArn=row.version,
        stateMachineAliasArn=row.alias,
    )


def _data(row: ExecutionRow) -> Answer:
    details = None if row.output is None else _INCLUDED
    ending = given(output=row.output, outputDetails=details, error=row.error, cause=row.cause)
    return {"input": row.input, "inputDetails": _INCLUDED, **ending}


def _obstacle(row: ExecutionRow) -> str | None:
    """Why an execution cannot be redriven: a redrive has at least two events more, the last of which is its end."""
    if row.status not in _REDRIVABLE:
        return f"Execution is {row.status} and cannot be redriven"
    return "Execution history event limit exceeded" if row.last >= LONGEST - 1 else None


def _sync_answer(door: Door, row: ExecutionRow) -> Answer:
    ended = door.journal.execution_by_id(row.id) or row
    ms = max(_BILLED_MS, -(-((ended.stopped or door.now()) - ended.started) // 100) * 100)
    billing = {"billedDurationInMilliseconds": ms, "billedMemoryUsedInMB": _BILLED_MB}
    plain = ended._replace(version=None, alias=None)
    return _summary(plain) | _data(ended) | {"outputDetails": _INCLUDED, "billingDetails": billing}


def list_executions(door: Door, request: Request) -> Answer:
    """Of a machine, of one of its versions, of an alias, of a map run; in this process also of all machines."""
    arn, machine, version, alias = request.get("stateMachineArn"), None, None, None
    run = map_run_of(door, request["mapRunArn"]) if "mapRunArn" in request else None
    if arn is not None:
        name = qualified(arn)
        if door.machine_of(name).type == "EXPRESS":
            raise StateMachineTypeNotSupported
        chosen_version(door, name)
        machine = name.machine
        version = None if name.number is None else name.arn
        alias = name.arn if name.alias else None
    redriven = {"REDRIVEN": True, "NOT_REDRIVEN": False}.get(request.get("redriveFilter", ""))
    status, map_run = request.get("statusFilter"), run and run.id

    def read(before: int | None, limit: int) -> list[ExecutionRow]:
        return door.journal.executions(machine, status, before, limit, version, alias, redriven, map_run)

    def listed(row: ExecutionRow) -> Answer:
        child = {"mapRunArn": run.arn, "itemCount": row.items} if run else {}
        return _summary(row) | given(redriveCount=row.redrives or None, **child)

    return page("executions", request, read, listed, by="id")


def get_execution_history(door: Door, request: Request) -> Written:
    """Pages by the key of the last event read, so that the last page costs what the first does."""
    row = door.execution(request["executionArn"])
    limit, reverse, after = size_of(request), bool(request.get("reverseOrder")), number_of(request)
    if after is None:
        after = row.last + 1 if reverse else 0
    events = door.journal.history(row.id, after, limit + 1, reverse)
    texts = [written(*event) for event in events[:limit]]
    if request.get("includeExecutionData") is False:
        texts = [dumps(_without_data(json.loads(text))) for text in texts]
    following = f',"nextToken":"{token_after(str(events[limit - 1][0]))}"' if len(events) > limit else ""
    return Written.parse(f'{{"events":[{",".join(texts)}]{following}}}')


def _without_data(event: Answer) -> Answer:
    hidden = ("input", "output", "parameters", "inputDetails", "outputDetails")
    return {
        key: {k: v for k, v in value.items() if k not in hidden} if isinstance(value, dict) else value
        for key, value in event.items()
    }


def stop_execution(door: Door, request: Request) -> Answer:
    """The owner is asked to stop it; an execution that has ended stays as it is."""
    row = door.execution(request["executionArn"])
    if row.status == "RUNNING":
        door.journal.post(row.id, "stop", given(error=request.get("error"), cause=request.get("cause")))
    return {"stopDate": (row.stopped or door.now()) / 1000}


def redrive_execution(door: Door, request: Request) -> Answer:
    """Again with the same token, within 15 minutes, it is the same redrive."""
    row, now = door.execution(request["executionArn"]), door.clock()
    door.redriven = {key: done for key, done in door.redriven.items() if now - done[0] < TOKENS_LAST}
    key = (row.arn, request.get("clientToken") or new_id())
    if key in door.redriven:
        return door.redriven[key][1]
    if row.map_run is not None:
        raise ExecutionNotRedrivable(f"Execution is not redrivable: '{row.arn}': it is redriven by its Map Run")
    obstacle = _obstacle(row)
    if obstacle or not door.journal.reopen(row.id, door.owner):
        why = obstacle or "Execution is RUNNING and cannot be redriven"
        raise ExecutionNotRedrivable(f"Execution is not redrivable: '{row.arn}': {why}")
    door.started(row.id)
    door.redriven[key] = now, {"redriveDate": now}
    return {"redriveDate": now}


def check_input(text: str) -> None:
    mistake = complaint(text)
    if mistake is not None:
        raise InvalidExecutionInput(f"Invalid State Machine Execution Input: '{mistake}'")
    if Payload.parse(text).size > LARGEST_INPUT:
        raise ValidationException(
            "1 validation error detected: Value at 'input' failed to satisfy constraint: "
            f"Member must have length less than or equal to {LARGEST_INPUT}"
        )
