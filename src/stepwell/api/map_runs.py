"""Map runs: looked at, listed, given other limits while they run."""

from functools import partial

from stepwell.api.arns import check_arn
from stepwell.api.door import Answer, Door, Request, existing, given, page, seconds
from stepwell.engine.execution import RUNNING
from stepwell.engine.mapruns import machine_of
from stepwell.errors import ResourceNotFound, ValidationException
from stepwell.journal.runs import PENDING, PENDING_REDRIVE, RunRow

_STATUSES = {
    "pending": (PENDING, PENDING_REDRIVE),
    "running": (RUNNING,),
    "succeeded": ("SUCCEEDED",),
    "failed": ("FAILED",),
    "timedOut": ("TIMED_OUT",),
    "aborted": ("ABORTED",),
}
_LIMITS = {
    "maxConcurrency": "concurrency",
    "toleratedFailureCount": "tolerated_count",
    "toleratedFailurePercentage": "tolerated_percentage",
}


def describe_map_run(door: Door, request: Request) -> Answer:
    row = map_run_of(door, request["mapRunArn"])
    counts = door.journal.runs.counts(row.id)
    parent = door.journal.execution_by_id(row.execution)
    return given(
        mapRunArn=row.arn,
        executionArn=parent.arn if parent else "",
        status=row.status,
        startDate=row.started / 1000,
        maxConcurrency=row.concurrency,
        toleratedFailurePercentage=row.tolerated_percentage,
        toleratedFailureCount=row.tolerated_count,
        itemCounts=_counts(row, counts, 1),
        executionCounts=_counts(row, counts, 0),
        stopDate=seconds(row.stopped),
        redriveDate=seconds(row.redriven),
        redriveCount=row.redrives or None,
    )


def _counts(row: RunRow, counts: dict[str, tuple[int, int]], which: int) -> dict[str, int]:
    told = {name: sum(counts.get(s, (0, 0))[which] for s in statuses) for name, statuses in _STATUSES.items()}
    written = sum(told.values()) - told["pending"] - told["running"] if row.status != RUNNING else 0
    answer = told | {"total": sum(told.values()), "resultsWritten": written}
    if row.redrives:
        answer |= {"failuresNotRedrivable": 0, "pendingRedrive": counts.get(PENDING_REDRIVE, (0, 0))[which]}
    return answer


def list_map_runs(door: Door, request: Request) -> Answer:
    parent = door.execution(request["executionArn"])

    def listed(row: RunRow) -> Answer:
        return given(
            executionArn=parent.arn,
            mapRunArn=row.arn,
            stateMachineArn=machine_of(row.arn),
            startDate=row.started / 1000,
            stopDate=seconds(row.stopped),
        )

    return page("mapRuns", request, partial(door.journal.runs.of_execution, parent.id), listed, by="id")


def update_map_run(door: Door, request: Request) -> Answer:
    """Its owner is told; a run that is over stays as it is."""
    row = map_run_of(door, request["mapRunArn"])
    if not _LIMITS.keys() & request.keys():
        raise ValidationException(f"At least one of these is required: {', '.join(_LIMITS)}")
    if row.status == RUNNING:
        limits = {column: request[key] for key, column in _LIMITS.items() if key in request}
        door.journal.runs.limit(row._replace(**limits))
        door.journal.post(row.execution, "limits", {"run": row.id})
    return {}


def map_run_of(door: Door, arn: str) -> RunRow:
    return existing(
        door.journal.runs.by_arn(check_arn(arn, "mapRun")), ResourceNotFound(f"Resource not found: '{arn}'")
    )
