"""What a Lambda invocation asks for."""

from typing import Any

import pytest

from stepwell.errors import BadInput
from stepwell.pipeline.invocation import Invocation


def from_step_functions(given: object) -> dict[str, Any]:
    return {
        "action": "task_02",
        "timeout": 600,
        "context": {
            "Execution": {"Id": "arn:e", "Name": "night-1", "Input": given},
            "State": {"Name": "ExecuteTask02", "RetryCount": 1},
        },
    }


def test_a_bare_invocation_is_a_run_of_its_own() -> None:
    call = Invocation({"action": "task_02"}, "id-1", "task_02")
    assert (call.run, call.execution, call.window, call.clear, call.input) == ("invoke-id-1", "id-1", "", False, {})
    assert (call.timeout, call.retries) == (None, 0)


def test_a_run_is_named_by_its_execution() -> None:
    call = Invocation(from_step_functions({"days": 7}), "id-1", "task_02")
    assert (call.run, call.execution, call.input) == ("night-1", "arn:e", {"days": 7})
    assert (call.timeout, call.retries) == (600, 1)


def test_a_resumed_run_keeps_its_name_and_clears_what_it_is_told_to() -> None:
    own = {"run": "night-0", "window": "2026-01-01", "clear": ["task_02", "task_03"]}
    call = Invocation(from_step_functions({"stepwell": own}), "id-1", "task_02")
    assert (call.run, call.window, call.clear) == ("night-0", "2026-01-01", True)
    other = from_step_functions({"stepwell": own}) | {"action": "task_01"}
    assert not Invocation(other, "id-1", "task_02").clear


def test_an_input_that_is_no_object_is_left_for_the_parameters_to_refuse() -> None:
    assert Invocation(from_step_functions([1]), "id-1", "task_02").input == [1]


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({}, 'the event names no action; an event looks like {"action": "task_02", "input": {}}'),
        ({"action": 3}, 'the event names no action; an event looks like {"action": "task_02", "input": {}}'),
        ("task_02", 'the event must be a JSON object like {"action": "task_02", "input": {}}, not str'),
        (None, 'the event must be a JSON object like {"action": "task_02", "input": {}}, not NoneType'),
        (
            {"action": "task_02", "days": 7},
            "unknown key 'days' in the event; known: action, timeout, context, input; "
            'parameters go into input: {"action": "task_02", "input": {}}',
        ),
        ({"action": "task_02", "timeout": "9"}, "timeout must be seconds, a number above 0, not '9'"),
        ({"action": "task_02", "timeout": 0}, "timeout must be seconds, a number above 0, not 0"),
        ({"action": "a", "context": 1}, "context must be a JSON object (of Step Functions' context object), not 1"),
        (
            {"action": "a", "input": {"stepwell": 1}},
            "'stepwell' in the run's input is Stepwell's own and must be an object, not 1",
        ),
        ({"action": "a", "input": {"stepwell": {"run": 1}}}, "stepwell.run in the run's input must be text, not 1"),
        (
            {"action": "a", "input": {"stepwell": {"clear": "a"}}},
            "stepwell.clear in the run's input must be a list of tasks, not 'a'",
        ),
    ],
)
def test_a_bad_event_is_answered_with_what_a_good_one_looks_like(event: object, message: str) -> None:
    with pytest.raises(BadInput) as raised:
        Invocation(event, "id-1", "task_02")
    assert raised.value.message == message
