"""A pipeline as a state machine of the Amazon States Language, the same bytes for the same pipeline."""

import json
import math
from typing import TYPE_CHECKING, Any

from stepwell.errors import ConfigurationError
from stepwell.pipeline.check import refuse, structure
from stepwell.pipeline.failures import TRANSIENT, catchers, fail_states, retriers
from stepwell.pipeline.lanes import chunked_state, lane_retriers
from stepwell.pipeline.names import START, SUCCESS, UNKNOWN_START, VALIDATE, group_name, state_name
from stepwell.pipeline.task import Task

if TYPE_CHECKING:
    from stepwell.pipeline.pipeline import Pipeline

_RECEIPTS = "$.stepwell.receipts"
_START_AT = "$.stepwell.start_at"
_BETWEEN = 60  # seconds for the steps between tasks, so that a last timeout ends in its own Fail state
_LONGEST = 99_999_999  # seconds: Step Functions' limit of TimeoutSeconds

Group = tuple[Task, ...]


def compile_machine(pipeline: "Pipeline", function_arn: str, only: str | None = None) -> dict[str, Any]:
    """The definition; with `only`, that of validate_config and this one task.

    Raises ConfigurationError for a pipeline that cannot become a machine, UnknownAction if it has no task `only`.
    """
    refuse(structure(pipeline))
    steps = _steps(pipeline, only)
    names = list(steps)
    followers = [*names[1:], SUCCESS]
    states: dict[str, Any] = {START: _start(steps)}
    for (name, group), follower in zip(steps.items(), followers, strict=True):
        states[name] = _step(name, group, follower, function_arn)
    states[SUCCESS] = {"Type": "Succeed", "OutputPath": _RECEIPTS}
    for group in steps.values():
        states |= fail_states(group[0]) if len(group) == 1 else {}
    states[UNKNOWN_START] = _unknown_start(pipeline, steps)
    return {
        "Comment": f"pipeline {pipeline.name}, compiled by Stepwell",
        "StartAt": START,
        "TimeoutSeconds": _worst_case(pipeline, steps),
        "States": states,
    }


def to_json(machine: dict[str, Any]) -> str:
    return json.dumps(machine, indent=2, ensure_ascii=False)


def _steps(pipeline: "Pipeline", only: str | None) -> dict[str, Group]:
    """The states of the main line, and the tasks that each runs."""
    validate = pipeline.action(VALIDATE)
    if only is not None:
        return {state_name(task.name): (task,) for task in (validate, pipeline.action(only))}
    steps: dict[str, Group] = {state_name(VALIDATE): (validate,)}
    for group in pipeline.groups:
        name = group[0].name if len(group) == 1 else group_name(1 + sum(len(each) > 1 for each in steps.values()))
        steps[state_name(name)] = group
    return steps


def _start(steps: dict[str, Group]) -> dict[str, Any]:
    """A resumed run starts at its first task that is not done; one inside a parallel group starts the group."""
    choices: list[dict[str, Any]] = [{"Variable": _START_AT, "IsPresent": False, "Next": state_name(VALIDATE)}]
    for state, group in steps.items():
        choices += [{"Variable": _START_AT, "StringEquals": task.name, "Next": state} for task in group]
    return {"Type": "Choice", "Choices": choices, "Default": UNKNOWN_START}


def _unknown_start(pipeline: "Pipeline", steps: dict[str, Group]) -> dict[str, Any]:
    known = ", ".join(task.name for group in steps.values() for task in group)
    cause = f"stepwell.start_at in the input names no task of pipeline {pipeline.name}; it knows: {known}"
    return {"Type": "Fail", "Error": UNKNOWN_START, "Cause": cause}


def _step(name: str, group: Group, follower: str, function_arn: str) -> dict[str, Any]:
    if len(group) == 1:
        return _task(group[0], function_arn) | {"Next": follower}
    return {
        "Type": "Parallel",
        "Branches": [_branch(task, function_arn) for task in group],
        "ResultSelector": {f"{task.name}.$": f"$[{i}]{_receipt(task)[1:]}" for i, task in enumerate(group)},
        "ResultPath": f"{_RECEIPTS}.parallel_{name[-2:]}",
        "Next": follower,
    }


def _branch(task: Task, function_arn: str) -> dict[str, Any]:
    own = state_name(task.name)
    return {"StartAt": own, "States": {own: _task(task, function_arn) | {"End": True}, **fail_states(task)}}


def _task(task: Task, function_arn: str) -> dict[str, Any]:
    if task.chunks is not None:
        state = chunked_state(task, task.chunks, function_arn)
        return state | {"ResultPath": _receipt(task), "Catch": catchers(task)}
    return {
        "Type": "Task",
        "Resource": function_arn,
        "Parameters": {"action": task.name, "timeout": task.timeout, "context.$": "$$"},
        "TimeoutSeconds": task.timeout,
        "ResultPath": _receipt(task),
        "Retry": retriers(task),
        "Catch": catchers(task),
    }


def _receipt(task: Task) -> str:
    return f"{_RECEIPTS}.{task.name}"


def _worst_case(pipeline: "Pipeline", steps: dict[str, Group]) -> int:
    """The longest that a run can take: every task uses up its timeout in every attempt, and waits for each."""
    seconds = _BETWEEN + sum(max(map(_longest, group)) for group in steps.values())
    if seconds > _LONGEST:
        raise ConfigurationError(
            f"{pipeline.place}: with all its retries pipeline {pipeline.name!r} could take {seconds} seconds, "
            f"more than the {_LONGEST} that Step Functions allows; lower max_attempts, interval or backoff"
        )
    return seconds


def _longest(task: Task) -> int:
    attempts: int = 1 + sum(retrier["MaxAttempts"] for retrier in (TRANSIENT, retriers(task)[1]))
    longest = attempts * task.timeout + sum(_waits(retrier) for retrier in retriers(task))
    if task.chunks is None:
        return longest
    # Plan and reconciliation; lanes see to the deadline themselves, at the beginning of each lot.
    return 2 * longest + task.chunks.deadline + task.timeout + sum(_waits(retrier) for retrier in lane_retriers(task))


def _waits(retrier: dict[str, Any]) -> int:
    """The whole seconds that all its retries wait, rounded up."""
    first, rate = retrier["IntervalSeconds"], retrier["BackoffRate"]
    seconds: float = sum(first * rate**n for n in range(retrier["MaxAttempts"]))
    return math.ceil(seconds)
