"""The state of a task in chunks: plan, then lanes that are invoked until all is done, then reconcile.

Lanes are mapped, not chunks: a thousand chunks cost tens of transitions, and nothing that grows is passed on.
"""

from typing import Any

from stepwell.pipeline.chunks import Chunks
from stepwell.pipeline.failures import retriers
from stepwell.pipeline.names import state_name
from stepwell.pipeline.task import Task

# A lane can be invoked as often as one likes; what counts is that one comes back soon when its process is gone.
_LANE_RETRY = {"IntervalSeconds": 1, "MaxAttempts": 8, "BackoffRate": 2, "MaxDelaySeconds": 30}
# What a receipt of a task in chunks holds: a ResultSelector takes what is named.
_RECEIPT = (
    "task",
    "run",
    "status",
    "rows",
    "seconds",
    "attempt",
    "used",
    "chunks",
    "failed",
    "lots",
    "lanes",
    "checks",
    "repeated",
)


def chunked_state(task: Task, chunks: Chunks, function_arn: str) -> dict[str, Any]:
    """A Parallel with one branch, so that the task is one state with one Catch."""
    own = state_name(task.name).removeprefix("Execute")
    lanes, reconcile = f"{own}Lanes", f"Reconcile{own}"
    return {
        "Type": "Parallel",
        "Branches": [
            {
                "StartAt": f"Plan{own}",
                "States": {
                    f"Plan{own}": _phase(task, function_arn, "plan") | {"Retry": retriers(task), "Next": lanes},
                    lanes: _lanes(task, chunks, function_arn, own) | {"Next": reconcile},
                    reconcile: _phase(task, function_arn, "reconcile", "number")
                    | {"Retry": retriers(task), "End": True},
                },
            }
        ],
        "ResultSelector": {f"{name}.$": f"$[0].{name}" for name in _RECEIPT},
    }


def lane_retriers(task: Task) -> list[dict[str, Any]]:
    """A lane that its time has run out for says so; it does not fail."""
    transient, helpful = retriers(task)
    errors = [name for name in helpful["ErrorEquals"] if name != "DeadlineExceeded"]
    return [transient, {"ErrorEquals": errors, **_LANE_RETRY}]


def _lanes(task: Task, chunks: Chunks, function_arn: str, own: str) -> dict[str, Any]:
    run, done = f"Run{own}Lane", f"{own}LaneDone"
    again = {"Variable": "$.done", "BooleanEquals": False, "Next": run}
    return {
        "Type": "Map",
        "ItemsPath": "$.lanes",
        "MaxConcurrency": chunks.parallel,
        "ItemSelector": {"lane.$": "$$.Map.Item.Value", "number.$": "$.number"},
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "INLINE"},
            "StartAt": run,
            "States": {
                run: _phase(task, function_arn, "lane", "lane", "number")
                | {"Retry": lane_retriers(task), "Next": done},
                done: {"Type": "Choice", "Choices": [again], "Default": f"{own}LaneEnd"},
                f"{own}LaneEnd": {"Type": "Succeed"},
            },
        },
        "ResultPath": None,
    }


def _phase(task: Task, function_arn: str, phase: str, *passed: str) -> dict[str, Any]:
    parameters: dict[str, Any] = {"action": task.name, "phase": phase, "timeout": task.timeout}
    return {
        "Type": "Task",
        "Resource": function_arn,
        "Parameters": parameters | {f"{name}.$": f"$.{name}" for name in passed} | {"context.$": "$$"},
        "TimeoutSeconds": task.timeout,
    }
