"""The context object (`$$`) as a state sees it."""

from datetime import UTC, datetime
from typing import Any

from stepwell.asl.outcome import Fork
from stepwell.asl.scope import Scope
from stepwell.asl.states import enter
from stepwell.engine.execution import Execution
from stepwell.engine.frames import Frame, forked_of
from stepwell.engine.tasks import is_submitted
from stepwell.engine.tokens import token_of


def scope_of(x: Execution, frame: Frame) -> Scope:
    """What the frame's state sees: the context object is built only when it asks for it."""
    context = lambda: context_object(x, frame)  # noqa: E731
    return Scope(context, frame.entered_at / 1000, x.random, frame.variables, x.now)


def fork_of(x: Execution, frame: Frame) -> Fork:
    """What the language said when the frame's Parallel or Map was entered; said again after a restart."""
    forked = forked_of(frame)
    if forked.fork is None:
        outcome = enter(frame.here, frame.raw, scope_of(x, frame))
        if not isinstance(outcome, Fork):
            raise AssertionError(f"{frame.here.name} forked before the restart and does not now")
        forked.fork = outcome
    return forked.fork


def context_object(x: Execution, frame: Frame) -> dict[str, Any]:
    execution: dict[str, Any] = {
        "Id": x.arn,
        "Input": x.input.value,
        "StartTime": timestamp(x.started_at),
        "Name": x.name,
        "RoleArn": x.role,
    }
    if ":express:" not in x.arn:  # those are not redriven
        execution["RedriveCount"] = x.redrives
    if x.redrives:
        execution["RedriveTime"] = timestamp(x.redriven_at)
    machine = {"Id": x.machine_arn, "Name": x.machine_arn.rpartition(":")[2]}
    answer: dict[str, Any] = {"Execution": execution, "StateMachine": machine, "State": _state(frame)}
    if frame.here.type == "Task" and is_submitted(frame.here.detail.resource):
        answer["Task"] = {"Token": token_of(x, frame)}
    item = _item(x, frame)
    return answer if item is None else answer | {"Map": {"Item": item}}


def timestamp(milliseconds: int) -> str:
    """ISO 8601 in UTC with milliseconds, as AWS writes it in the context object."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _state(frame: Frame) -> dict[str, Any]:
    state: dict[str, Any] = {"Name": frame.here.name, "EnteredTime": timestamp(frame.entered_at)}
    if frame.here.type in ("Task", "Map", "Parallel"):
        state["RetryCount"] = sum(frame.counts)
    return state


def _item(x: Execution, frame: Frame) -> dict[str, Any] | None:
    """The item of the innermost Map that the frame belongs to."""
    child = frame
    while child.parent is not None:
        if child.parent.here.type == "Map":
            items = fork_of(x, child.parent).items
            return {"Index": child.index, "Value": items[child.index]}
        child = child.parent
    return None
