"""Entering and leaving a state: each type has a file of its own, found in this table."""

from stepwell.asl.model import State
from stepwell.asl.outcome import Go, Outcome
from stepwell.asl.payload import Payload
from stepwell.asl.scope import Scope
from stepwell.asl.states.choice import CHOICE
from stepwell.asl.states.fail import FAIL
from stepwell.asl.states.kind import Kind
from stepwell.asl.states.map import MAP
from stepwell.asl.states.parallel import PARALLEL
from stepwell.asl.states.pass_ import PASS
from stepwell.asl.states.succeed import SUCCEED
from stepwell.asl.states.task import TASK, check_result
from stepwell.asl.states.wait import WAIT

__all__ = ["KINDS", "check_result", "enter", "resume"]

KINDS: dict[str, Kind] = {
    "Task": TASK,
    "Pass": PASS,
    "Choice": CHOICE,
    "Wait": WAIT,
    "Succeed": SUCCEED,
    "Fail": FAIL,
    "Parallel": PARALLEL,
    "Map": MAP,
}
_ENTER = {name: kind.enter for name, kind in KINDS.items()}
_RESUME = {name: kind.resume for name, kind in KINDS.items()}


def enter(state: State, raw: Payload, scope: Scope) -> Outcome:
    """What the state answers to its input. Raises StatesError where that cannot be evaluated."""
    return _ENTER[state.type](state, raw, scope)


def resume(state: State, raw: Payload, result: Payload, scope: Scope) -> Go:
    """How the state is left once a Task, a Fork (its outputs as one array) or a Wait (the raw input) has a result.

    Raises StatesError, as `enter` does.
    """
    return _RESUME[state.type](state, raw, result, scope)
