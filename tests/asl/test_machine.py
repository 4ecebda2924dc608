import json

import pytest

from stepwell.asl.machine import examine, parse_machine
from stepwell.errors import InvalidDefinition

END = {"Type": "Pass", "End": True}
TASK = {"Type": "Task", "Resource": "arn:aws:x", "End": True}


def machine(**states):
    return {"StartAt": next(iter(states)), "States": states}


def problems(definition):
    return [str(problem) for problem in examine(definition)[1]]


def test_a_definition_becomes_a_machine():
    definition = {
        **machine(A={"Type": "Pass", "Next": "B"}, B={"Type": "Succeed"}),
        "Comment": "c",
        "TimeoutSeconds": 9,
    }
    for given in (definition, json.dumps(definition)):
        made = parse_machine(given)
        assert (made.start_at, made.comment, made.timeout_seconds) == ("A", "c", 9)
        assert [(each.name, each.type, each.next) for each in made.states.values()] == [
            ("A", "Pass", "B"),
            ("B", "Succeed", None),
        ]


def test_retry_and_catch_are_compiled_with_the_state():
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "MaxAttempts": 5, "BackoffRate": 1.5}]
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "A"}]
    state = parse_machine(machine(A={**TASK, "Retry": retry, "Catch": catch})).states["A"]
    assert (state.retry[0].interval, state.retry[0].max_attempts, state.retry[0].backoff_rate) == (2, 5, 1.5)
    assert (state.catch[0].errors, state.catch[0].next) == (("States.ALL",), "A")


def test_all_mistakes_are_told_at_once_each_with_its_address():
    definition = machine(A={"Type": "Pass", "Next": "Nowhere", "Extra": 1}, B={"Type": "Wait", "End": True})
    with pytest.raises(InvalidDefinition) as error:
        parse_machine(definition)
    assert error.value.message.splitlines() == [
        "Field is not supported at /States/A/Extra",
        "One of these fields is required: [Seconds, SecondsPath, Timestamp, TimestampPath] at /States/B",
        "Missing 'Next' target: Nowhere at /States/A/Next",
        'State "B" is not reachable. at /States/B',
    ]


@pytest.mark.parametrize(
    ("definition", "problem"),
    [
        ("nope", "The definition is not JSON: Expecting value: line 1 column 1 (char 0) at /"),
        ("[]", "Expected value of type Object at /"),
        ({"StartAt": "A"}, "These fields are required: [States] at /"),
        ({"StartAt": "A", "States": {}}, "Value cannot be empty at /States"),
        ({"StartAt": "A", "States": []}, "Expected value of type Object at /States"),
        ({"StartAt": "B", "States": {"A": END}}, "Missing 'StartAt' target: B at /StartAt"),
        ({**machine(A=END), "TimeoutSeconds": "9"}, "Expected value of type Integer at /TimeoutSeconds"),
        ({**machine(A=END), "QueryLanguage": "JSONata"}, "JSONata is not supported yet at /QueryLanguage"),
        ({**machine(A=END), "QueryLanguage": "SQL"}, "Value must be one of: [JSONPath, JSONata] at /QueryLanguage"),
    ],
)
def test_a_machine_that_is_wrong_says_where(definition, problem):
    assert problems(definition) == [problem]


TYPES = "[Task, Pass, Choice, Wait, Succeed, Fail, Parallel, Map]"


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        ([], "Expected value of type Object at /States/A"),
        ({"End": True}, "These fields are required: [Type] at /States/A"),
        ({"Type": "Job", "End": True}, f"Value must be one of: {TYPES} at /States/A/Type"),
        ({"Type": "Pass"}, "Exactly one of these fields is required: [Next, End] at /States/A"),
        ({**END, "Next": "A"}, "Exactly one of these fields is required: [Next, End] at /States/A"),
        ({**END, "Assign": {"x": 1}}, "Variables are not supported yet at /States/A/Assign"),
        ({**END, "ResultSelector": {}}, "Field is not supported at /States/A/ResultSelector"),
        (
            {**END, "Parameters": {"x.$": "nope"}},
            "The value for the field 'x.$' must be a valid JSONPath or a valid intrinsic function call"
            " at /States/A/Parameters",
        ),
        (
            {**END, "ResultPath": "$.a[*]"},
            "Value is not a Reference Path: it must name exactly one place in the input at /States/A/ResultPath",
        ),
        (
            {**END, "InputPath": "a"},
            "Value is not a valid JSONPath: expected $ or an intrinsic function at character 1 of a"
            " at /States/A/InputPath",
        ),
        ({"Type": "Task", "End": True}, "These fields are required: [Resource] at /States/A"),
        ({**TASK, "Resource": "f"}, "Value is not a valid resource ARN at /States/A/Resource"),
        ({**TASK, "TimeoutSeconds": 0}, "Value must be between 1 and 99999999 at /States/A/TimeoutSeconds"),
        (
            {**TASK, "TimeoutSeconds": 5, "TimeoutSecondsPath": "$.t"},
            "Only one of these fields is allowed: [TimeoutSeconds, TimeoutSecondsPath] at /States/A",
        ),
        (
            {**TASK, "TimeoutSeconds": 5, "HeartbeatSeconds": 5},
            "Value must be smaller than TimeoutSeconds at /States/A/HeartbeatSeconds",
        ),
        ({**TASK, "Retry": [{}]}, "These fields are required: [ErrorEquals] at /States/A/Retry[0]"),
        (
            {**TASK, "Retry": [{"ErrorEquals": ["E"], "BackoffRate": 0.5}]},
            "Value must be at least 1.0 at /States/A/Retry[0]/BackoffRate",
        ),
        (
            {**TASK, "Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 5, "MaxDelaySeconds": 5}]},
            "Value must be greater than IntervalSeconds at /States/A/Retry[0]/MaxDelaySeconds",
        ),
        (
            {**TASK, "Retry": [{"ErrorEquals": ["E"], "JitterStrategy": "SOME"}]},
            "Value must be one of: [FULL, NONE] at /States/A/Retry[0]/JitterStrategy",
        ),
        (
            {**TASK, "Retry": [{"ErrorEquals": ["States.ALL", "E"]}]},
            "States.ALL must stand alone, in the last entry at /States/A/Retry[0]/ErrorEquals",
        ),
        (
            {**TASK, "Catch": [{"ErrorEquals": ["E"], "Next": "B"}]},
            "Missing 'Next' target: B at /States/A/Catch[0]/Next",
        ),
        ({"Type": "Choice", "Choices": []}, "Value cannot be empty at /States/A/Choices"),
        (
            {"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": True, "Next": "B"}]},
            "Missing 'Next' target: B at /States/A/Choices[0]/Next",
        ),
        ({"Type": "Choice", "Choices": [], "End": True}, "Field is not supported at /States/A/End"),
        (
            {"Type": "Wait", "Timestamp": "tomorrow", "End": True},
            "String does not match RFC3339 timestamp at /States/A/Timestamp",
        ),
        ({"Type": "Parallel", "Branches": [], "End": True}, "Value cannot be empty at /States/A/Branches"),
        (
            {"Type": "Parallel", "Branches": [{"StartAt": "X"}], "End": True},
            "These fields are required: [States] at /States/A/Branches[0]",
        ),
        ({"Type": "Map", "End": True}, "These fields are required: [ItemProcessor] at /States/A"),
        (
            {"Type": "Map", "ItemProcessor": machine(A=END), "End": True},
            "Duplicate state name: A at /States/A/ItemProcessor/States/A",
        ),
        (
            {
                "Type": "Map",
                "ItemProcessor": {**machine(X=END), "ProcessorConfig": {"Mode": "DISTRIBUTED"}},
                "End": True,
            },
            "The distributed mode of Map is not supported yet at /States/A/ItemProcessor/ProcessorConfig/Mode",
        ),
        (
            {"Type": "Map", "ItemProcessor": machine(X=END), "ItemReader": {}, "End": True},
            "The distributed mode of Map is not supported yet at /States/A/ItemReader",
        ),
    ],
)
def test_a_state_that_is_wrong_says_where(state, problem):
    assert problem in problems(machine(A=state))


def test_states_of_branches_do_not_see_those_outside():
    branch = machine(X={"Type": "Pass", "Next": "A"})
    found = problems(machine(A={"Type": "Parallel", "Branches": [branch], "End": True}))
    assert found == ["Missing 'Next' target: A at /States/A/Branches[0]/States/X/Next"]


def test_a_problem_has_a_code_for_those_who_sort_them():
    codes = [problem.code for problem in examine(machine(A={"Type": "Pass", "Next": "B", "X": 1}))[1]]
    assert codes == ["SCHEMA_VALIDATION_FAILED", "MISSING_TRANSITION_TARGET"]
