"""Definitions and inputs of all kinds, most of them sensible: every state, both languages, failures on the way."""

from typing import Any

from hypothesis import strategies as st

from tests.engine.drive import LAMBDA

State = dict[str, Any]

ITEMS = [{"a": 1, "items": [{"a": 2}, 7]}, {"a": 3, "items": []}, {"a": 0}, "x"]
INPUTS = st.fixed_dictionaries(
    {
        "a": st.one_of(st.integers(0, 5), st.integers(0, 5), st.text(max_size=3), st.none()),
        "items": st.lists(st.sampled_from(ITEMS), min_size=1, max_size=4),
    }
)
PLACES: dict[str, list[Any]] = {
    "InputPath": ["$", "$", "$", "$.a", None],
    "OutputPath": ["$", "$", "$", "$.a", None],
    "ResultPath": ["$.r", "$.r.s", "$.r", None, "$"],
    "Comment": ["c"],
}
PARAMETERS = [{"x.$": "$.a"}, {"n.$": "$$.State.Name"}, {"f.$": "States.Format('{}', $.a)"}, {"k": [1, {"z": None}]}]
ASSIGN = [{"v": 1}, {"v.$": "$.a"}, {"v.$": "$", "w.$": "$$.Execution.Name"}]
OUTPUTS = [
    "{% $states.input %}",
    {"a": "{% $states.input.a %}", "items": [1, 2]},
    "{% $v %}",
    "{% $states.input.a + 1 %}",
]
DISTRIBUTED = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
RETRIERS = st.fixed_dictionaries(
    {"ErrorEquals": st.sampled_from([["Bad"], ["States.Timeout", "Bad"], ["States.TaskFailed"]])},
    optional={
        "IntervalSeconds": st.integers(1, 3),
        "MaxAttempts": st.integers(0, 2),
        "BackoffRate": st.sampled_from([1.0, 2.0]),
        "MaxDelaySeconds": st.integers(4, 9),
        "JitterStrategy": st.sampled_from(["FULL", "NONE"]),
    },
)


@st.composite
def machines(draw: Any, depth: int = 2, prefix: str = "") -> State:
    """One to four states, each followed by the next; choices and catchers may leap forward."""
    names = [f"{prefix}S{number}" for number in range(draw(st.sampled_from([1, 2, 2, 3, 4])))]
    states = {name: draw(states_(depth, name, names[at + 1 :])) for at, name in enumerate(names)}
    return {"StartAt": names[0], "States": states}


@st.composite
def whole_machines(draw: Any) -> State:
    machine: State = draw(machines())
    return machine | draw(st.sampled_from([{}, {}, {"TimeoutSeconds": 20}]))


@st.composite
def states_(draw: Any, depth: int, name: str, after: list[str]) -> State:
    kinds = [_pass, _jsonata, _task, _task, _wait, _choice if after else _end]
    kind = draw(st.sampled_from(kinds + ([_parallel, _map, _map] if depth else [])))
    state: State = draw(kind(depth, name, after))
    if state["Type"] in ("Succeed", "Fail", "Choice"):
        return state
    return state | ({"Next": after[0]} if after else {"End": True})


def _some(choices: dict[str, list[Any]]) -> Any:
    return st.fixed_dictionaries({}, optional={field: st.sampled_from(values) for field, values in choices.items()})


@st.composite
def _pass(draw: Any, depth: int, name: str, after: list[str]) -> State:
    fields = PLACES | {"Parameters": PARAMETERS, "Result": [1, {"a": 2, "items": [3]}], "Assign": ASSIGN}
    return {"Type": "Pass", **draw(_some(fields))}


@st.composite
def _jsonata(draw: Any, depth: int, name: str, after: list[str]) -> State:
    fields = {"Output": OUTPUTS, "Assign": [{"v": "{% $states.input.a %}"}, {"v": 2}]}
    return {"Type": "Pass", "QueryLanguage": "JSONata", **draw(_some(fields))}


@st.composite
def _task(draw: Any, depth: int, name: str, after: list[str]) -> State:
    fields = PLACES | {
        "Parameters": PARAMETERS,
        "ResultSelector": [{"s.$": "$.a"}, {"s": 1}],
        "TimeoutSeconds": [3, 30],
        "Assign": ASSIGN,
    }
    return {"Type": "Task", "Resource": LAMBDA, "ResultPath": "$.t", **draw(_some(fields)), **draw(_errors(after))}


@st.composite
def _wait(draw: Any, depth: int, name: str, after: list[str]) -> State:
    fields = st.sampled_from(
        [{"Seconds": 0}, {"Seconds": 5}, {"SecondsPath": "$.a"}, {"Timestamp": "2026-01-01T00:00:00Z"}]
    )
    return {"Type": "Wait", **draw(fields)}


@st.composite
def _choice(draw: Any, depth: int, name: str, after: list[str]) -> State:
    rules = [{"Variable": "$.a", "NumericGreaterThan": 1}, {"Variable": "$.b", "IsPresent": True}]
    rules.append({"Not": {"Variable": "$.a", "StringEquals": ""}})
    chosen = draw(st.lists(st.sampled_from(rules), min_size=1, max_size=2))
    choices = [rule | {"Next": draw(st.sampled_from(after))} for rule in chosen]
    return {"Type": "Choice", "Choices": choices, "Default": after[0]}


@st.composite
def _end(draw: Any, depth: int, name: str, after: list[str]) -> State:
    return draw(
        st.sampled_from([{"Type": "Succeed"}, {"Type": "Fail", "Error": "Bad", "Cause": "c"}, {"Type": "Fail"}])
    )


@st.composite
def _parallel(draw: Any, depth: int, name: str, after: list[str]) -> State:
    branches = [draw(machines(depth - 1, f"{name}B{at}")) for at in range(draw(st.integers(1, 3)))]
    return {
        "Type": "Parallel",
        "Branches": branches,
        **draw(_some({"ResultPath": PLACES["ResultPath"]})),
        **draw(_errors(after)),
    }


@st.composite
def _map(draw: Any, depth: int, name: str, after: list[str]) -> State:
    fields = {
        "ItemsPath": ["$.items"],
        "MaxConcurrency": [0, 1, 2],
        "ItemSelector": [{"a.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index"}],
        "ResultPath": PLACES["ResultPath"],
    }
    inner = draw(machines(depth - 1, f"{name}I")) | draw(st.sampled_from([{}, {}, DISTRIBUTED]))
    return {
        "Type": "Map",
        "ItemProcessor": inner,
        "ItemsPath": "$.items",
        "ResultPath": "$.m",
        **draw(_some(fields)),
        **draw(_errors(after)),
    }


@st.composite
def _errors(draw: Any, after: list[str]) -> State:
    retry = draw(st.lists(RETRIERS, min_size=draw(st.integers(0, 1)), max_size=2))
    catch: list[State] = []
    if after and draw(st.booleans()):
        catch = [
            {
                "ErrorEquals": ["States.ALL"],
                "Next": draw(st.sampled_from(after)),
                **draw(_some({"ResultPath": ["$.e", None]})),
            }
        ]
    return ({"Retry": retry} if retry else {}) | ({"Catch": catch} if catch else {})
