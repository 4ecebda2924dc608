"""The parts of the language that no test of a single module proves, from AWS's documentation, on the engine itself."""

import pytest

from stepwell.asl.machine import examine
from tests.engine.drive import ARN, LAMBDA, MACHINE, Drive, machine, task

PASS = {"Type": "Pass", "End": True}
SAMPLES = {
    "String": ("a", "b", "c"),
    "Numeric": (1, 2.5, 3),
    "Timestamp": ("2020-01-01T00:00:00Z", "2020-01-01T01:30:00Z", "2020-01-01T02:00:00-01:00"),
    "Boolean": (False, True, None),
}
HOLDS = {"Equals": "=", "LessThan": "<", "GreaterThan": ">", "LessThanEquals": "<=", "GreaterThanEquals": ">="}


# The table of the States Language: which state has which of the fields that are not its own.
DATA = {
    "InputPath OutputPath": "Task Pass Choice Wait Succeed Parallel Map",
    "Output": "Task Pass Choice Wait Succeed Parallel Map",
    "Assign": "Task Pass Choice Wait Parallel Map",
    "Parameters ResultPath": "Task Pass Parallel Map",
    "Arguments": "Task Parallel",
    "ResultSelector Retry Catch": "Task Parallel Map",
    "Next End": "Task Pass Wait Parallel Map",
}
INNER = {"StartAt": "I", "States": {"I": {"Type": "Succeed"}}}
STATES = {
    "Task": {"Resource": LAMBDA},
    "Pass": {},
    "Choice": {"Choices": [{"Variable": "$.a", "IsNull": True, "Next": "N"}]},
    "Wait": {"Seconds": 1},
    "Succeed": {},
    "Fail": {},
    "Parallel": {"Branches": [INNER]},
    "Map": {"ItemProcessor": INNER},
}


@pytest.mark.parametrize("type_", STATES)
def test_each_state_has_exactly_the_fields_that_the_language_gives_it(type_):
    for fields, states in DATA.items():
        for field in fields.split():
            jsonata = {"QueryLanguage": "JSONata"} if field in ("Output", "Arguments") else {}
            definition = machine(S={"Type": type_, **STATES[type_], field: "N", **jsonata}, N={"Type": "Succeed"})
            told = [problem.what for problem in examine(definition)[1]]
            assert (f"Field '{field}' is not supported" in told) is (type_ not in states.split()), field


def chosen(rule, value):
    states = {"C": {"Type": "Choice", "Choices": [{**rule, "Next": "Yes"}], "Default": "No"}}
    return Drive(machine(**states, Yes=PASS, No=PASS), value).history()[-2]["stateExitedEventDetails"]["name"] == "Yes"


@pytest.mark.proves("Machine.Version State.Comment")
def test_a_version_and_comments_change_nothing():
    definition = {**machine(P={**PASS, "Comment": "of a state"}), "Version": "1.0", "Comment": "of a machine"}
    assert Drive(definition, {"a": 1}).output() == {"a": 1}


@pytest.mark.proves(
    "Choice.StringEquals Choice.StringLessThan Choice.StringGreaterThan Choice.StringLessThanEquals "
    "Choice.StringGreaterThanEquals Choice.StringEqualsPath Choice.StringLessThanPath Choice.StringGreaterThanPath "
    "Choice.StringLessThanEqualsPath Choice.StringGreaterThanEqualsPath Choice.NumericEquals Choice.NumericLessThan "
    "Choice.NumericGreaterThan Choice.NumericLessThanEquals Choice.NumericGreaterThanEquals Choice.NumericEqualsPath "
    "Choice.NumericLessThanPath Choice.NumericGreaterThanPath Choice.NumericLessThanEqualsPath "
    "Choice.NumericGreaterThanEqualsPath Choice.TimestampEquals Choice.TimestampLessThan Choice.TimestampGreaterThan "
    "Choice.TimestampLessThanEquals Choice.TimestampGreaterThanEquals Choice.TimestampEqualsPath "
    "Choice.TimestampLessThanPath Choice.TimestampGreaterThanPath Choice.TimestampLessThanEqualsPath "
    "Choice.TimestampGreaterThanEqualsPath"
)
@pytest.mark.parametrize("kind", ["String", "Numeric", "Timestamp"])
@pytest.mark.parametrize("comparison", HOLDS)
def test_each_comparison_holds_for_the_same_values_with_a_constant_and_with_a_path(kind, comparison):
    low, middle, high = SAMPLES[kind]
    for value, signs in ((low, "<,<="), (middle, "=,<=,>="), (high, ">,>=")):
        expected = HOLDS[comparison] in signs.split(",")
        assert chosen({"Variable": "$.v", kind + comparison: middle}, {"v": value}) is expected
        assert chosen({"Variable": "$.v", f"{kind}{comparison}Path": "$.w"}, {"v": value, "w": middle}) is expected


@pytest.mark.proves("Choice.BooleanEquals Choice.BooleanEqualsPath")
def test_booleans_are_equal_or_not():
    for value in (True, False):
        assert chosen({"Variable": "$.v", "BooleanEquals": True}, {"v": value}) is value
        assert chosen({"Variable": "$.v", "BooleanEqualsPath": "$.w"}, {"v": value, "w": True}) is value


@pytest.mark.proves("Choice.Condition Choice.Output")
def test_a_condition_chooses_and_its_rule_makes_the_output():
    rule = {"Condition": "{% $states.input.n > 1 %}", "Output": "{% $states.input.n * 2 %}", "Next": "P"}
    choice = {"Type": "Choice", "QueryLanguage": "JSONata", "Choices": [rule], "Default": "P", "Output": "none"}
    assert [Drive(machine(C=choice, P=PASS), {"n": n}).output() for n in (2, 1)] == [4, "none"]


@pytest.mark.proves("Map.Items")
def test_items_are_an_array_that_is_computed_or_written_down():
    mapped = {"Type": "Map", "QueryLanguage": "JSONata", "ItemProcessor": machine(P=PASS), "End": True}
    for items in ("{% $states.input.list %}", [1, "{% $states.input.list[1] %}"]):
        assert Drive(machine(M={**mapped, "Items": items}), {"list": [1, 2]}).output() == [1, 2]


@pytest.mark.proves(
    "Execution.Id Execution.Input Execution.Name Execution.RoleArn Execution.StartTime Execution.RedriveCount "
    "State.Name State.EnteredTime StateMachine.Id StateMachine.Name"
)
def test_the_context_object_tells_of_the_execution_its_machine_and_the_state():
    assert Drive(machine(P={**PASS, "OutputPath": "$$"}), {"a": 1}, now=1_500).output() == {
        "Execution": {
            "Id": ARN,
            "Input": {"a": 1},
            "Name": "e",
            "RedriveCount": 0,
            "RoleArn": "role",
            "StartTime": "1970-01-01T00:00:01.500Z",
        },
        "State": {"Name": "P", "EnteredTime": "1970-01-01T00:00:01.500Z"},
        "StateMachine": {"Id": MACHINE, "Name": "m"},
    }


@pytest.mark.proves("Execution.RedriveTime State.RetryCount")
def test_a_task_sees_its_retries_and_when_its_execution_was_redriven():
    parameters = {"retries.$": "$$.State.RetryCount", "run.$": "$$.Execution"}
    drive = Drive(machine(T=task(Parameters=parameters, Retry=[{"ErrorEquals": ["E"], "MaxAttempts": 1}])), now=1_000)
    drive.answer(error="E").until_due()
    seen = drive.calls[0].arguments.value
    assert (seen["retries"], seen["run"]["RedriveCount"], "RedriveTime" in seen["run"]) == (1, 0, False)
    drive.stop().redrive()
    seen = drive.calls[0].arguments.value
    assert (seen["retries"], seen["run"]["RedriveCount"]) == (0, 1)
    assert seen["run"]["RedriveTime"] == "1970-01-01T00:00:02.000Z"
