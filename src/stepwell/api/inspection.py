"""What TestState shows of a state's data on its way: the steps that the language takes, noted as they are taken."""

from typing import Any

from stepwell.asl.model import Dataflow, Placement, State, Step
from stepwell.asl.payload import Payload
from stepwell.asl.scope import Scope

Seen = dict[str, Any]  # the inspectionData

# AWS shows a step whether the definition has a field for it or not, but not every step of every type.
_SELECTED = frozenset({"afterInputPath"})
_PLACED = frozenset({"afterResultSelector", "afterResultPath"})
_STEPS = {
    "Choice": _SELECTED,
    "Fail": frozenset[str](),
    "Map": _SELECTED | _PLACED,
    "Parallel": _PLACED,
    "Pass": _SELECTED | _PLACED | {"afterParameters"},
    "Succeed": _SELECTED,
    "Task": _SELECTED | _PLACED | {"afterParameters"},
    "Wait": _SELECTED,
}


def watched(state: State, seen: Seen) -> State:
    """The same state, which notes in `seen` what each of its steps gives."""
    flow, shown = state.flow, _shown(state)
    arguments = "afterArguments" if state.jsonata else "afterParameters"
    observed = Dataflow(
        _noting(flow.input, "afterInputPath", shown, seen),
        _noting(flow.arguments, arguments, shown, seen),
        _noting(flow.result, "afterResultSelector", shown, seen),
        _noting_place(flow.place, shown, seen),
        flow.output,
        flow.exit,
    )
    return State(state.name, state.type, state.next, observed, state.detail, state.retry, state.catch, state.jsonata)


def _shown(state: State) -> frozenset[str]:
    if state.jsonata:
        return frozenset({"afterArguments"} if state.type == "Task" else ())
    if state.type == "Pass" and state.detail is not None:  # a fixed result: the input is not selected at all
        return _PLACED
    return _STEPS[state.type]


def _noting(step: Step | None, key: str, shown: frozenset[str], seen: Seen) -> Step | None:
    if key not in shown:
        return step

    def noted(payload: Payload, scope: Scope) -> Payload:
        found = step(payload, scope) if step else payload
        seen[key] = found.text
        return found

    return noted


def _noting_place(step: Placement | None, shown: frozenset[str], seen: Seen) -> Placement | None:
    if "afterResultPath" not in shown:
        return step

    def noted(raw: Payload, result: Payload) -> Payload:
        found = step(raw, result) if step else result
        seen["afterResultPath"] = found.text
        return found

    return noted
