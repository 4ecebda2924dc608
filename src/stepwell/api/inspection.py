"""What TestState shows of a state's data on its way: the steps that the language takes, noted as they are taken."""

from collections.abc import Callable
from typing import Any

from stepwell.asl.model import Dataflow, State
from stepwell.asl.payload import Payload

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

    def noting(step: Callable[..., Payload], key: str) -> Callable[..., Payload]:
        def noted(*given: Any) -> Payload:
            found = step(*given)
            seen[key] = found.text
            return found

        return noted if key in shown else step

    observed = Dataflow(
        noting(flow.input, "afterInputPath"),
        noting(flow.arguments, "afterArguments" if state.jsonata else "afterParameters"),
        noting(flow.result, "afterResultSelector"),
        flow.output,
    )
    way = state.way._replace(place=noting(state.way.place, "afterResultPath"))
    return State(state.name, state.type, way, observed, state.detail, state.retry, state.catch, state.jsonata)


def _shown(state: State) -> frozenset[str]:
    if state.jsonata:
        return frozenset({"afterArguments"} if state.type == "Task" else ())
    if state.type == "Pass" and state.detail is not None:  # a fixed result: the input is not selected at all
        return _PLACED
    return _STEPS[state.type]
