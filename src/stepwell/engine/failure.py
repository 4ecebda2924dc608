"""What becomes of a failure: a retry, a catcher, or the end of the frame and then of what opened it."""

from stepwell.asl.jsonata import QueryFailed
from stepwell.asl.retry import HEARTBEAT_TIMEOUT, UNANSWERABLE, CatchAt, RetryAfter
from stepwell.asl.retry import answer as answer_to
from stepwell.asl.retry import caught as caught_by
from stepwell.engine.changes import Changes, RunChange, Timer
from stepwell.engine.context import scope_of
from stepwell.engine.events import RETRY, blame
from stepwell.engine.execution import ABORTED
from stepwell.engine.frames import CALLING, FAILED, FORKED, MAPPING, RETRYING, WAITING, Frame, forked_of
from stepwell.errors import StatesError


def evaluation_failed(changes: Changes, frame: Frame, error: StatesError, caught: bool = False) -> None:
    """A state, or what has `caught` its failure, could not be evaluated: the cause says which and where it was entered.

    What nothing may answer ends the execution at once, without a word from the states around this one (AWS does so).
    """
    cause = located(frame.here.name, frame.entered, error)
    if isinstance(error, QueryFailed):
        details = {"cause": cause, "error": error.name, "state": frame.here.name}
        if error.location is not None:
            details["location"] = error.location
        # AWS points back where the state's own Entered event does, or at that event if the value was at fault.
        previous = frame.entered if error.of_value else frame.before
        changes.add("EvaluationFailed", frame, previous=previous, details=details)
    if error.name == UNANSWERABLE:
        last = frame.forked.last if frame.forked else frame.last
        _failed(frame)
        end_all(changes, "ExecutionFailed", last, error.name, cause)
    else:
        (_frame_failed if caught else fail)(changes, frame, error.name, cause)


def located(state: str, entered: int, error: StatesError) -> str:
    """The cause with where it happened; AWS leaves that out where a result is too large or has no place."""
    if error.name in ("States.DataLimitExceeded", "States.ReferencePathConflict"):
        return error.cause or ""
    where = f"the state '{state}' (entered at the event id #{entered})"
    return f"An error occurred while executing {where}. {error.cause or ''}"


def fail(changes: Changes, frame: Frame, error: str | None, cause: str | None) -> None:
    """The frame's state has failed: its Retry may answer, then its Catch; else the frame fails."""
    state = frame.here
    late = error == "States.Timeout" and frame.beat is not None and frame.due != frame.limit
    name = HEARTBEAT_TIMEOUT if late else error or ""
    choice = answer_to(state, name, frame.counts, changes.execution.random) if state.retry or state.catch else None
    if isinstance(choice, RetryAfter):
        _retry(changes, frame, choice)
    elif isinstance(choice, CatchAt):
        _catch(changes, frame, choice, error, cause)
    else:
        _state_failed(changes, frame)
        _frame_failed(changes, frame, error, cause)


def _retry(changes: Changes, frame: Frame, choice: RetryAfter) -> None:
    due = changes.now / 1000 + (0 if changes.lost else choice.seconds)
    after = frame.forked.last if frame.forked is not None else frame.last
    changes.note(RETRY, frame, {"retrier": choice.index, "due": due, "after": after})
    changes.timers.append(Timer(due, frame.number, frame.entered))


def _catch(changes: Changes, frame: Frame, choice: CatchAt, error: str | None, cause: str | None) -> None:
    x, state = changes.execution, frame.here
    _state_failed(changes, frame)
    try:
        go = caught_by(state, choice.catcher, frame.raw, error, cause, scope_of(x, frame))
    except StatesError as failure:
        evaluation_failed(changes, frame, failure, caught=True)
        return
    changes.exit(frame, go)
    if frame not in x.ready:
        x.ready.append(frame)


def _state_failed(changes: Changes, frame: Frame) -> None:
    """A Parallel or Map that nothing retries says so; it points at the last event inside.

    In JSONata it says so, too, where it could not begin.
    """
    state = frame.here
    if state.type in ("Map", "Parallel") and (frame.forked is not None or frame.run or state.jsonata):
        changes.add(f"{state.type}StateFailed", frame, previous=frame.forked.last if frame.forked else frame.last)


def _failed(frame: Frame) -> None:
    if frame.phase != FORKED:
        frame.phase, frame.due = FAILED, None


def _frame_failed(changes: Changes, frame: Frame, error: str | None, cause: str | None) -> None:
    _failed(frame)
    if frame.parent is None:
        changes.add("ExecutionFailed", frame, details=blame(error, cause))
        return
    _child_failed(changes, frame, frame.parent)
    fail(changes, frame.parent, error, cause)


def _child_failed(changes: Changes, child: Frame, parent: Frame) -> None:
    """Close the failed child in the history, then stop its siblings."""
    forked = forked_of(parent)
    forked.last = child.last
    if parent.here.type == "Map":
        details = {"name": parent.here.name, "index": child.index}
        changes.add("MapIterationFailed", child, details=details)
    elif child.here.type == "Task":
        changes.add("TaskStateAborted", child)
    for sibling in list(forked.children.values()):
        if sibling is not child and sibling.phase != FAILED:
            stop_frame(changes, sibling)


def stop_frame(changes: Changes, frame: Frame) -> None:
    """Abort what a frame is doing, innermost first."""
    if frame.forked is not None:
        for child in list(frame.forked.children.values()):
            stop_frame(changes, child)
    _let_go(changes, frame)
    if frame.phase == MAPPING:
        changes.add("MapRunAborted", frame)
    if frame.state is not None and frame.phase in (CALLING, RETRYING, WAITING, FORKED, MAPPING):
        changes.add(f"{frame.here.type}StateAborted", frame)
    if frame.parent is not None and frame.parent.here.type == "Map":
        details = {"name": frame.parent.here.name, "index": frame.index}
        changes.add("MapIterationAborted", frame, details=details)
    _failed(frame)


def end_all(changes: Changes, type_: str, previous: int, error: str | None, cause: str | None = None) -> None:
    """The whole execution ends, whatever it is at, which has no events of its own, as AWS does it."""
    for frame in changes.execution.frames.values():
        _let_go(changes, frame)
    changes.add(type_, changes.execution.root, previous=previous, details=blame(error, cause))


def _let_go(changes: Changes, frame: Frame) -> None:
    if frame.phase == CALLING:
        changes.cancelled.append(frame.call)
    elif frame.phase == MAPPING and frame.run is not None:
        changes.runs.append(RunChange(frame.number, frame.here.name, frame.run, ABORTED))
