import json

import pytest

from stepwell.asl.machine import examine, parse_machine
from stepwell.errors import InvalidDefinition

END = {"Type": "Pass", "End": True}
TASK = {"Type": "Task", "Resource": "arn:aws:x", "End": True}


def machine(**states):
    return {"StartAt": next(iter(states)), "States": states}


def problems(definition):
    return [str(problem) for problem in examine(definition)[1] if not problem.warning]


@pytest.mark.proves("Machine.Comment Machine.StartAt Machine.States State.Type State.Next")
def test_a_definition_becomes_a_machine():
    definition = {
        **machine(A={"Type": "Pass", "Next": "B"}, B={"Type": "Succeed"}),
        "Comment": "c",
        "TimeoutSeconds": 9,
    }
    for given in (definition, json.dumps(definition)):
        made = parse_machine(given)
        assert (made.start_at, made.comment, made.timeout_seconds) == ("A", "c", 9)
        assert [(each.name, each.type, each.way.next) for each in made.states.values()] == [
            ("A", "Pass", "B"),
            ("B", "Succeed", None),
        ]


def test_retry_and_catch_are_compiled_with_the_state():
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "MaxAttempts": 5, "BackoffRate": 1.5}]
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "A"}]
    state = parse_machine(machine(A={**TASK, "Retry": retry, "Catch": catch})).states["A"]
    assert (state.retry[0].interval, state.retry[0].max_attempts, state.retry[0].backoff_rate) == (2, 5, 1.5)
    assert (state.catch[0].errors, state.catch[0].way.next) == (("States.ALL",), "A")


def test_all_mistakes_are_told_at_once_each_with_its_address():
    definition = machine(A={"Type": "Pass", "Next": "Nowhere", "Extra": 1}, B={"Type": "Wait", "End": True})
    with pytest.raises(InvalidDefinition) as error:
        parse_machine(definition)
    assert error.value.message.splitlines() == [
        "Field 'Extra' is not supported at /States/A",
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
        ({**END, "Assign": {"1x": 1}}, "'1x' is not a valid variable name at /States/A/Assign"),
        ({**END, "Assign": {"states": 1}}, "'states' is not a valid variable name at /States/A/Assign"),
        ({**END, "Assign": 1}, "Expected value of type Object at /States/A/Assign"),
        ({"Type": "Succeed", "Assign": {"x": 1}}, "Field 'Assign' is not supported at /States/A"),
        (
            {**END, "Output": 1},
            "The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata'"
            " QueryLanguage at /States/A",
        ),
        (
            {**END, "QueryLanguage": "JSONata", "InputPath": "$.a"},
            "The QueryLanguage is set to 'JSONata', but field 'InputPath' is only supported for the 'JSONPath'"
            " QueryLanguage at /States/A",
        ),
        (
            {**END, "QueryLanguage": "JSONata", "Output": {"a": ["{% 1 + %}"]}},
            "Unexpected end of expression at /States/A/Output/a[0]",
        ),
        (
            {**END, "QueryLanguage": "JSONata", "Output": "{% phone %}"},
            "Reference to 'phone' at the top level is not supported. at /States/A/Output",
        ),
        (
            {**END, "QueryLanguage": "JSONata", "Output": "{% $states.errorOutput %}"},
            "Field '$states.errorOutput' does not exist. at /States/A/Output",
        ),
        ({**END, "ResultSelector": {}}, "Field 'ResultSelector' is not supported at /States/A"),
        (
            {**END, "Parameters": {"x.$": "nope"}},
            "The value for the field 'x.$' must be a valid JSONPath or a valid intrinsic function call"
            " at /States/A/Parameters",
        ),
        (
            {**END, "ResultPath": "$.a[*]"},
            "Value is not a Reference Path: it must name exactly one place in the input at /States/A/ResultPath",
        ),
        ({**END, "InputPath": "a"}, "Value must be a valid JSONPath. at /States/A/InputPath"),
        ({"Type": "Task", "End": True}, "These fields are required: [Resource] at /States/A"),
        (
            {**TASK, "Resource": "f"},
            "The resource provided f is not recognized. The value is not a valid resource ARN, or the resource is not"
            " available in this region. at /States/A/Resource",
        ),
        (
            {**TASK, "Resource": "arn:aws:states:::aws-sdk:glue:startJobRun.sync"},  # the SDK's have no .sync
            "The resource provided arn:aws:states:::aws-sdk:glue:startJobRun.sync is not recognized. The value is not"
            " a valid resource ARN, or the resource is not available in this region. at /States/A/Resource",
        ),
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
        ({"Type": "Choice", "Choices": [], "End": True}, "Field 'End' is not supported at /States/A"),
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
            "These fields are required: [ExecutionType] at /States/A/ItemProcessor/ProcessorConfig",
        ),
        (
            {"Type": "Map", "ItemProcessor": machine(X=END), "ItemReader": {}, "End": True},
            "Field 'ItemReader' is only supported when the mode is DISTRIBUTED at /States/A/ItemReader",
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


@pytest.mark.proves("Machine.QueryLanguage")
def test_a_state_of_a_jsonata_machine_cannot_speak_jsonpath():
    definition = {**machine(A={**END, "QueryLanguage": "JSONPath"}), "QueryLanguage": "JSONata"}
    assert problems(definition) == [
        "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine at /States/A"
    ]


def test_the_states_in_a_map_speak_the_language_of_the_machine_not_of_the_map():
    inner = machine(X={"Type": "Pass", "End": True, "Output": 1})
    found = problems(machine(A={"Type": "Map", "QueryLanguage": "JSONata", "ItemProcessor": inner, "End": True}))
    assert [problem.split(" at ")[1] for problem in found] == ["/States/A/ItemProcessor/States/X"]
    inner = {**machine(X=END), "QueryLanguage": "JSONata"}
    found = problems(machine(A={"Type": "Map", "ItemProcessor": inner, "End": True}))
    assert found == ["Field 'QueryLanguage' is not supported at /States/A/ItemProcessor"]


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        (
            {"Type": "Wait", "Seconds": "{% ( %}", "End": True},
            'Expected ")" before end of expression at /States/A/Seconds',
        ),
        ({**TASK, "TimeoutSeconds": "{% x %}"}, "Reference to 'x' at the top level is not supported."),
        ({**TASK, "TimeoutSeconds": "9"}, "Expected value of type Integer at /States/A/TimeoutSeconds"),
        ({"Type": "Choice", "Choices": [{"Condition": "yes", "Next": "A"}]}, "Expected value of type Boolean"),
        ({"Type": "Choice", "Choices": [{"Next": "A"}]}, "These fields are required: [Condition]"),
        (
            {"Type": "Choice", "Choices": [{"Condition": "{% ) %}", "Next": "A"}]},
            'The symbol ")" cannot be used as a unary operator at /States/A/Choices[0]/Condition',
        ),
        (
            {"Type": "Map", "Items": {}, "ItemProcessor": machine(X=END), "End": True},
            "Expected value of type Array at /States/A/Items",
        ),
        (
            {**TASK, "Catch": [{"ErrorEquals": ["E"], "Next": "A", "ResultPath": "$.e"}]},
            "The QueryLanguage is set to 'JSONata', but field 'ResultPath' is only supported for the 'JSONPath'"
            " QueryLanguage at /States/A/Catch[0]",
        ),
        (
            {**TASK, "Catch": [{"ErrorEquals": ["E"], "Next": "A", "Output": ["{% ] %}"]}]},
            'The symbol "]" cannot be used as a unary operator at /States/A/Catch[0]/Output[0]',
        ),
    ],
)
def test_a_mistake_in_jsonata_is_told_once_with_its_place(state, problem):
    found = problems({**machine(A=state), "QueryLanguage": "JSONata"})
    assert len(found) == 1
    assert found[0].startswith(problem)


def test_a_mistake_in_an_expression_has_a_code_of_its_own():
    outputs = {"a": "{% ( %}", "b": "{% phone %}"}
    state = {"Type": "Pass", "QueryLanguage": "JSONata", "End": True}
    codes = [examine(machine(A={**state, "Output": output}))[1][0].code for output in outputs.values()]
    assert codes == ["INVALID_JSONATA_EXPRESSION", "UNSUPPORTED_JSONATA_EXPRESSION"]


def test_an_inner_scope_may_use_the_names_of_the_outer_one():
    """AWS accepts a branch that assigns a variable which a catcher of its Parallel assigns, too."""

    def branch(name):
        return {"StartAt": name, "States": {name: {"Type": "Pass", "Assign": {"x": 1}, "End": True}}}

    state = {"Type": "Parallel", "Branches": [branch("A"), branch("B")], "Assign": {"x": 2}, "End": True}
    assert examine({"StartAt": "P", "States": {"P": state}})[1] == []
