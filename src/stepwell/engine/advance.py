"""(machine, execution, now) → new events and new work.  *Start reading here.*

`advance` runs every state that needs nothing from outside, until all frames wait for something or the share of this
commit is used up. A cut falls only between states, so what a fold finds is always a place from which to go on.
"""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from stepwell.asl.outcome import Call, Done, Fail, Fork, Go, MapRun, Outcome, Wait
from stepwell.asl.payload import Payload
from stepwell.asl.states import check_result, enter, resume
from stepwell.engine import mapruns
from stepwell.engine.changes import LONGEST, Changes, HistoryFull, Invocation, Reply, Timer
from stepwell.engine.context import fork_of, scope_of
from stepwell.engine.events import HEARTBEAT, TOLD, blame
from stepwell.engine.execution import BROKE, RUNNING, SUCCEEDED, Execution, fold, settle
from stepwell.engine.failure import end_all, evaluation_failed, fail
from stepwell.engine.frames import CALLING, ENTERED, FORKED, MAPPING, RETRYING, WAITING, Frame, forked_of
from stepwell.engine.tasks import is_activity, is_submitted, scheduled, voice
from stepwell.errors import StatesError

__all__ = ["advance", "answer", "fold", "redrive", "start", "stop", "tick"]

BUDGET = 500  # events a commit
Given = ParamSpec("Given")


def decision(
    decide: Callable[Concatenate[Changes, Given], None],
) -> Callable[Concatenate[Execution, int, Given], Changes]:
    """(execution, now, …) → what is decided, within the longest history that AWS allows: beyond it, all has failed."""

    @wraps(decide)
    def decided(x: Execution, now: int, /, *given: Given.args, **named: Given.kwargs) -> Changes:
        changes = Changes(x, now)
        try:
            decide(changes, *given, **named)
        except HistoryFull:
            changes.invocations.clear()  # what has not begun
            cause = f"The execution reached the maximum number of history events ({LONGEST})."
            end_all(changes, "ExecutionFailed", x.id, "States.Runtime", cause)
        return changes

    return decided


@decision
def start(changes: Changes, text: str, go_on: bool = False) -> None:
    """The execution's first event; `advance` goes on from it, or this does at once."""
    x = changes.execution
    details = {"roleArn": x.role, **x.origin}
    changes.add("ExecutionStarted", x.root, previous=0, payload=Payload.parse(text), details=details)
    x.ready.append(x.root)
    if go_on:
        _run(changes)


@decision
def advance(changes: Changes) -> None:
    """Run what can run. The execution has more to do if its `ready` is not empty afterwards."""
    _run(changes)


def _run(changes: Changes) -> None:
    x = changes.execution
    if x.machine.timeout_seconds is not None and x.status == RUNNING and not x.root.entered:
        changes.timers.append(Timer(_deadline(x), -1, x.redrives))
    ready = x.ready
    while ready and x.status == RUNNING and len(changes.events) < BUDGET:
        _step(changes, ready.popleft())


def _step(changes: Changes, frame: Frame) -> None:
    """Take one frame as far as it goes by itself."""
    x = changes.execution
    while frame.phase == ENTERED and x.frames.get(frame.number) is frame and x.status == RUNNING:
        if frame.state is None:
            changes.enter(frame, frame.machine.start_at, frame.raw)
        if len(changes.events) >= BUDGET:
            x.ready.append(frame)
            return
        try:
            _follow(changes, frame, enter(frame.here, frame.raw, scope_of(x, frame)))
        except StatesError as error:
            evaluation_failed(changes, frame, error)
    if frame.phase == FORKED and x.frames.get(frame.number) is frame and x.status == RUNNING:
        _start_children(changes, frame)


@decision
def answer(changes: Changes, reply: Reply) -> None:
    """What a call has come to: a result, or an error with its cause. Out of date answers change nothing."""
    caller = _waiting(changes, reply)
    if caller is not None:
        _answered(changes, caller, reply)


def _answered(changes: Changes, caller: Frame, reply: Reply) -> None:
    changes.lost = reply.lost
    resource = _resource(caller)
    stem, details = voice(resource)
    reply = _checked(caller, reply)
    if reply.result is None:
        begun = caller.submitted is not None or caller.told is not None or not is_submitted(resource)
        failed = (details or {}) | blame(reply.error, reply.cause)
        changes.add(f"{stem}{'' if begun else 'Submit'}Failed", caller, details=failed)
        fail(changes, caller, reply.error, reply.cause)
    else:
        changes.add(f"{stem}Succeeded", caller, payload=reply.result, details=details)
        _returned(changes, caller, reply.result)
    _go_on(changes, caller)


@decision
def map_ended(changes: Changes, reply: Reply) -> None:
    """What a map run has come to; `call` is the id of the event that began it."""
    x, frame = changes.execution, changes.execution.frames.get(reply.frame)
    if x.status != RUNNING or frame is None or frame.phase != MAPPING or (frame.run and frame.run.id) != reply.call:
        return
    if reply.result is None:
        mapruns.end(changes, frame, BROKE, reply.error, reply.cause)
        fail(changes, frame, reply.error, reply.cause)
    else:
        previous = mapruns.end(changes, frame, SUCCEEDED)
        changes.add("MapStateSucceeded", frame)
        frame.phase = ENTERED
        _returned(changes, frame, reply.result, previous)
    _go_on(changes, frame)


@decision
def submitted(changes: Changes, reply: Reply) -> None:
    """The call has been made; what it has begun ends elsewhere, or has ended before we heard of it."""
    caller = _waiting(changes, reply)
    if caller is None:
        return
    changes.add("TaskSubmitted", caller, payload=reply.result, details=voice(_resource(caller)).details)
    _time(changes, caller)
    if caller.told is not None:
        _answered(changes, caller, told(caller))


@decision
def tell(changes: Changes, reply: Reply) -> None:
    """The holder of a token has answered; that is kept until the call that gave it the token is known to be made."""
    caller = _waiting(changes, reply)
    if caller is None:
        return
    if caller.submitted is not None or not is_submitted(_resource(caller)):
        _answered(changes, caller, reply)
    else:
        text = None if reply.result is None else reply.result.text
        changes.note(TOLD, caller, {"output": text, "error": reply.error, "cause": reply.cause})


def told(frame: Frame) -> Reply:
    """What the holder of a frame's token has answered already."""
    said = frame.told or {}
    output = said.get("output")
    result = None if output is None else Payload.parse(output)
    return Reply(frame.call, frame.number, result, said.get("error"), said.get("cause"))


@decision
def alive(changes: Changes, reply: Reply, worker: str | None = None, begins: bool = False) -> None:
    """A heartbeat; `begins`: a worker has taken an activity's task."""
    caller = _waiting(changes, reply)
    if caller is not None and begins:
        changes.add("ActivityStarted", caller, details=None if worker is None else {"workerName": worker})
        _time(changes, caller)
    elif caller is not None and caller.beat is not None:
        changes.note(HEARTBEAT, caller, {})
        _time(changes, caller)


def _time(changes: Changes, frame: Frame) -> None:
    if frame.due is not None:
        changes.timers.append(Timer(frame.due, frame.number, frame.call))


def _waiting(changes: Changes, reply: Reply) -> Frame | None:
    """The frame whose call is meant, while it waits for that call."""
    x = changes.execution
    caller = x.frames.get(reply.frame)
    ours = caller is not None and caller.call == reply.call and caller.phase == CALLING
    return caller if ours and x.status == RUNNING else None


def _checked(caller: Frame, reply: Reply) -> Reply:
    """A result that is too large is a failure of the call, as AWS has it."""
    try:
        if reply.result is not None:
            check_result(caller.here, reply.result)
    except StatesError as error:
        return Reply(reply.call, reply.frame, None, error.name, error.cause)
    return reply


@decision
def tick(changes: Changes, timer: Timer) -> None:
    """A timer is due. One that is out of date changes nothing."""
    x, frame = changes.execution, changes.execution.frames.get(timer.frame)
    if x.status != RUNNING:
        return
    if timer.frame < 0 and timer.due >= _deadline(x):  # else of an earlier redrive, or of whom the number was before
        end_all(changes, "ExecutionTimedOut", x.root.before, "States.Timeout")
    if frame is None or frame.due is None or frame.due > timer.due or timer.stamp != _stamp(frame):
        return
    if frame.phase == WAITING:
        frame.phase = ENTERED
        _returned(changes, frame, frame.raw)
    elif frame.phase == RETRYING:
        frame.phase, frame.due = ENTERED, None
    elif frame.phase == CALLING:
        _call_timed_out(changes, frame)
    _go_on(changes, frame)


@decision
def stop(changes: Changes, error: str | None, cause: str | None) -> None:
    """StopExecution: the event points where the current state's own Entered event points, as that of a timeout does."""
    x = changes.execution
    if x.status == RUNNING:
        end_all(changes, "ExecutionAborted", x.root.before, error, cause)


@decision
def redrive(changes: Changes) -> None:
    """RedriveExecution: go on, at once, from what failed, with the same definition and input and with fresh retries."""
    x = changes.execution
    details = {"redriveCount": x.redrives + 1}
    changes.add("ExecutionRedriven", x.root, previous=x.id, details=details)
    if x.machine.timeout_seconds is not None:
        changes.timers.append(Timer(_deadline(x), -1, x.redrives))
    for frame in x.frames.values():
        mapruns.begin_again(changes, frame)
    x.ready.extend(f for f in x.frames.values() if f.phase in (ENTERED, FORKED))
    _run(changes)


def pending(x: Execution) -> tuple[list[Timer], list[Frame]]:
    """What a folded execution waits for: its timers, and the frames whose call or map run has not answered."""
    waiting = [f for f in x.frames.values() if f.phase in (RETRYING, CALLING) and f.due is not None]
    timers = [Timer(f.due or 0, f.number, _stamp(f)) for f in waiting]
    if x.machine.timeout_seconds is not None:
        timers.append(Timer(_deadline(x), -1, x.redrives))
    return timers, [f for f in x.frames.values() if f.phase in (CALLING, MAPPING)]


def _deadline(x: Execution) -> float:
    return (x.redriven_at or x.started_at) / 1000 + (x.machine.timeout_seconds or 0)


def _stamp(frame: Frame) -> int:
    """Which event a frame's timer belongs to."""
    return frame.call if frame.phase == CALLING else frame.entered


def _resource(frame: Frame) -> str:
    resource: str = frame.here.detail.resource
    return resource


# What becomes of a state's answer


def _follow(changes: Changes, frame: Frame, outcome: Outcome) -> None:
    if isinstance(outcome, Go):
        _exit(changes, frame, outcome)
    elif isinstance(outcome, Call):
        _call(changes, frame, outcome)
    elif isinstance(outcome, Wait):
        frame.phase, frame.due = WAITING, outcome.until
        changes.timers.append(Timer(outcome.until, frame.number, frame.entered))
    elif isinstance(outcome, Fork):
        _fork(changes, frame, outcome)
    elif isinstance(outcome, MapRun):
        changes.add("MapStateStarted", frame, details={"length": outcome.length})
        mapruns.begin(changes, frame, outcome.plan())
    elif isinstance(outcome, Done):
        _exit(changes, frame, Go(outcome.output, None))
    elif isinstance(outcome, Fail):
        fail(changes, frame, outcome.error, outcome.cause)


def _exit(changes: Changes, frame: Frame, go: Go, previous: int | None = None) -> None:
    changes.exit(frame, go, previous)
    if go.next is None:
        _end(changes, frame, go.output)


def _end(changes: Changes, frame: Frame, output: Payload) -> None:
    """A machine, a branch or an iteration has come to its end."""
    x = changes.execution
    if frame.parent is None:
        changes.add("ExecutionSucceeded", frame, payload=output)
        return
    parent = frame.parent
    if parent.here.type == "Parallel":
        settle(x, frame, frame.last)
    else:
        details = {"name": parent.here.name, "index": frame.index}
        changes.add("MapIterationSucceeded", frame, details=details)
    forked = forked_of(parent)
    if not forked.queued:
        forked.queued = True
        x.ready.append(parent)


def _call(changes: Changes, frame: Frame, call: Call) -> None:
    """Announce the call and its start at once: what was on its way when we died counts as lost."""
    refusal = changes.execution.refuses(call)
    if refusal is not None:
        raise StatesError("States.Runtime", refusal)
    type_, payload, details = scheduled(call)
    number = changes.add(type_, frame, payload=payload, details=details)
    if not is_activity(call.resource):
        stem, repeated = voice(call.resource)
        changes.add(f"{stem}Started", frame, details=repeated)
    _time(changes, frame)
    changes.invocations.append(
        Invocation(number, frame.number, frame.here.name, call.resource, call.arguments, call.timeout)
    )


def _fork(changes: Changes, frame: Frame, fork: Fork) -> None:
    details = {"length": len(fork.inputs)} if fork.kind == "Map" else None
    changes.add(f"{fork.kind}StateStarted", frame, details=details)
    forked_of(frame).fork = fork
    if fork.begun is not None:
        fork.begun()


def _start_children(changes: Changes, frame: Frame) -> None:
    """Start as many children as may run at once; leave the state when all have ended."""
    x, forked = changes.execution, forked_of(frame)
    fork = fork_of(x, frame)
    forked.queued = True
    room = fork.concurrency or forked.total
    while forked.next < forked.total and len(forked.children) < room:
        if len(changes.events) >= BUDGET:
            x.ready.append(frame)
            return
        _step(changes, _start_child(changes, frame, fork))
        if frame.forked is not forked or x.frames.get(frame.number) is not frame or x.status != RUNNING:
            return  # a child's failure has ended this fork
    forked.queued = False
    if forked.next == forked.total and not forked.children:
        _joined(changes, frame)


def _start_child(changes: Changes, frame: Frame, fork: Fork) -> Frame:
    x, forked = changes.execution, forked_of(frame)
    index, number = forked.next, x.next_frame
    if fork.kind == "Parallel":
        child = x.open_frame(number, fork.machines[index], frame, index, forked.started)
        child.raw = fork.inputs[index]
        return child
    previous = forked.last_inner if fork.concurrency == 1 and index else forked.started
    stand_in = Frame(number, fork.machines[0], frame, index, previous)
    details = {"name": frame.here.name, "index": index, "_fork": forked.started}
    changes.add("MapIterationStarted", stand_in, details=details)
    child = x.frames[number]
    child.raw = fork.inputs[index]
    return child


def _joined(changes: Changes, frame: Frame) -> None:
    """All children have ended well: their outputs, in order, are the state's result."""
    forked = forked_of(frame)
    outputs = [output for output in forked.outputs if output is not None]
    changes.add(f"{frame.here.type}StateSucceeded", frame, previous=forked.last)
    _returned(changes, frame, Payload.array(outputs), previous=forked.last)
    if frame.phase == ENTERED:
        changes.execution.ready.appendleft(frame)


def _returned(changes: Changes, frame: Frame, result: Payload, previous: int | None = None) -> None:
    """Leave a state with a result, unless the result cannot be placed."""
    try:
        go = resume(frame.here, frame.raw, result, scope_of(changes.execution, frame))
    except StatesError as error:
        evaluation_failed(changes, frame, error)
        return
    _exit(changes, frame, go, previous)


def _call_timed_out(changes: Changes, frame: Frame) -> None:
    stem, details = voice(_resource(frame))
    changes.cancelled.append(frame.call)
    changes.add(f"{stem}TimedOut", frame, details={**(details or {}), "error": "States.Timeout"})
    fail(changes, frame, "States.Timeout", None)


def _go_on(changes: Changes, frame: Frame) -> None:
    """After an answer or a timer: run on in the same commit."""
    x = changes.execution
    if frame.phase == ENTERED and x.frames.get(frame.number) is frame:
        x.ready.appendleft(frame)
    _run(changes)
