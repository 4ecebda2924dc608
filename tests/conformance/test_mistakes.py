"""Definitions with one mistake each: every one is found, alone and with its address, and none in good ones."""

import json
from copy import deepcopy

import pytest

from stepwell.api.definitions import validate_state_machine_definition

END = {"Type": "Pass", "End": True}
INVOKE = "arn:aws:states:::lambda:invoke"
GOOD = {
    "Comment": "Every type of state, in JSONPath",
    "StartAt": "Call",
    "TimeoutSeconds": 600,
    "States": {
        "Call": {
            "Type": "Task",
            "Resource": INVOKE,
            "Parameters": {"FunctionName": "f", "Payload.$": "States.Format('{}', $.a)"},
            "ResultPath": "$.result",
            "TimeoutSeconds": 60,
            "HeartbeatSeconds": 10,
            "Retry": [
                {"ErrorEquals": ["Busy"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 2},
                {"ErrorEquals": ["States.ALL"], "MaxDelaySeconds": 30, "JitterStrategy": "FULL"},
            ],
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Broken"}],
            "Next": "Which",
        },
        "Which": {
            "Type": "Choice",
            "Choices": [{"And": [{"Variable": "$.n", "NumericGreaterThan": 1}], "Next": "Later"}],
            "Default": "Both",
        },
        "Later": {"Type": "Wait", "Seconds": 5, "Next": "Call"},
        "Both": {
            "Type": "Parallel",
            "Branches": [{"StartAt": "Left", "States": {"Left": END}}, {"StartAt": "Right", "States": {"Right": END}}],
            "Next": "Each",
        },
        "Each": {
            "Type": "Map",
            "ItemsPath": "$[0].items",
            "ItemProcessor": {"StartAt": "One", "States": {"One": END}},
            "MaxConcurrency": 4,
            "ToleratedFailurePercentage": 10,
            "Next": "Well",
        },
        "Well": {"Type": "Succeed"},
        "Broken": {"Type": "Fail", "ErrorPath": "$.error.Error", "Cause": "It broke."},
    },
}
JSONATA = {
    "QueryLanguage": "JSONata",
    "StartAt": "Set",
    "States": {
        "Set": {
            "Type": "Pass",
            "Assign": {"n": "{% $states.input.n + 1 %}"},
            "Output": "{% $states.input %}",
            "Next": "If",
        },
        "If": {"Type": "Choice", "Choices": [{"Condition": "{% $n > 1 %}", "Next": "Done"}], "Default": "Set"},
        "Done": {"Type": "Succeed", "Output": {"n": "{% $n %}"}},
    },
}


def with_(path, value, definition=GOOD):
    """The definition with one field set, or taken away where the value is None."""
    changed = deepcopy(definition)
    *steps, last = path.split("/")
    inner = changed
    for step in steps:
        inner = inner[int(step)] if step.isdecimal() else inner[step]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return changed


def told(definition, **request):
    answer = validate_state_machine_definition(None, {"definition": json.dumps(definition), **request})
    found = [(item["severity"], item["location"]) for item in answer["diagnostics"] if not cut_off(item)]
    return answer["result"], found


def cut_off(item):
    """What follows from a mistake on the way: AWS tells both."""
    return item["message"].endswith("is not reachable.") and item["location"] != "/States/Alone"


@pytest.mark.parametrize("definition", [GOOD, JSONATA])
def test_nothing_is_found_in_a_good_definition(definition):
    assert told(definition, severity="WARNING") == ("OK", [])


@pytest.mark.parametrize(
    ("path", "value", "at"),
    [
        ("StartAt", None, "/"),
        ("StartAt", "Cal", "/StartAt"),
        ("TimeoutSeconds", "600", "/TimeoutSeconds"),
        ("Verison", "1.0", "/"),
        ("States/Later/Next", "Cal", "/States/Later/Next"),
        ("States/Call/Catch/0/Next", "Boken", "/States/Call/Catch[0]/Next"),
        ("States/Which/Choices/0/Next", "Latr", "/States/Which/Choices[0]/Next"),
        ("States/Which/Default", "Bth", "/States/Which/Default"),
        ("States/Alone", END, "/States/Alone"),
        ("States/Later/Type", "Wiat", "/States/Later/Type"),
        ("States/Later/End", True, "/States/Later"),
        ("States/Later/Next", None, "/States/Later"),
        ("States/Call/Resuorce", INVOKE, "/States/Call"),
        ("States/Call/Resource", None, "/States/Call"),
        ("States/Call/Resource", "arn:aws:states:::dynamodb:query", "/States/Call/Resource"),
        ("States/Call/HeartbeatSeconds", 60, "/States/Call/HeartbeatSeconds"),
        ("States/Call/InputPath", "$.[a", "/States/Call/InputPath"),
        ("States/Call/Parameters/Payload.$", "States.Fromat('{}')", "/States/Call/Parameters"),
        ("States/Call/ResultPath", "$.a[*]", "/States/Call/ResultPath"),
        ("States/Call/Retry/0/BackoffRate", 0.5, "/States/Call/Retry[0]/BackoffRate"),
        ("States/Call/Retry/0/MaxAttempts", -1, "/States/Call/Retry[0]/MaxAttempts"),
        ("States/Call/Retry/1/MaxDelaySeconds", 1, "/States/Call/Retry[1]/MaxDelaySeconds"),
        ("States/Call/Retry/0/ErrorEquals", ["States.ALL"], "/States/Call/Retry[0]/ErrorEquals"),
        ("States/Call/Retry/1/ErrorEquals", ["States.ALL", "Busy"], "/States/Call/Retry[1]/ErrorEquals"),
        ("States/Which/Choices", [], "/States/Which/Choices"),
        ("States/Which/Choices/0/And/0/NumericEquals", 2, "/States/Which/Choices[0]/And[0]"),
        ("States/Which/Choices/0/And/0/NumericGreaterThan", "1", "/States/Which/Choices[0]/And[0]/NumericGreaterThan"),
        ("States/Later/Timestamp", "2026-01-01T00:00:00Z", "/States/Later"),
        ("States/Both/Branches", [], "/States/Both/Branches"),
        ("States/Both/Branches/1/States/Left", END, "/States/Both/Branches[1]/States/Left"),
        ("States/Each/ItemProcessor", None, "/States/Each"),
        ("States/Each/ToleratedFailurePercentage", 101, "/States/Each/ToleratedFailurePercentage"),
        ("States/Broken/Next", "Well", "/States/Broken"),
        ("States/Broken/CausePath", "$.c", "/States/Broken"),
        ("States/Well/Output", 1, "/States/Well"),
    ],
)
def test_one_mistake_is_found_with_its_address(path, value, at):
    result, found = told(with_(path, value))
    assert result == "FAIL"
    assert set(found) == {("ERROR", at)}


@pytest.mark.parametrize(
    ("path", "value", "at"),
    [
        ("States/Set/Output", "{% $states.input. %}", "/States/Set/Output"),
        ("States/Set/Output", "{% $states.result2 %}", "/States/Set/Output"),
        ("States/Set/Assign", {"states": 1}, "/States/Set/Assign"),
        ("States/Set/InputPath", "$.a", "/States/Set"),
        ("States/If/Choices/0/Condition", "yes", "/States/If/Choices[0]/Condition"),
        ("States/Done/QueryLanguage", "JSONPath", "/States/Done"),
    ],
)
def test_one_mistake_in_jsonata_is_found_with_its_address(path, value, at):
    result, found = told(with_(path, value, JSONATA))
    assert (result, found[0]) == ("FAIL", ("ERROR", at))


def test_a_loop_without_an_end_is_a_doubt_that_refuses_nothing():
    endless = with_("States/Which", {"Type": "Pass", "Next": "Later"}, {**GOOD, "States": {**GOOD["States"]}})
    for name in ("Both", "Each", "Well"):
        del endless["States"][name]
    del endless["States"]["Call"]["Catch"], endless["States"]["Broken"]
    assert told(endless) == ("OK", [])
    assert told(endless, severity="WARNING") == ("OK", [("WARNING", "/States/Call")])


def test_all_mistakes_are_told_at_once():
    broken = with_("States/Later/Seconds", -1, with_("States/Which/Default", "Bth", with_("Verison", 1)))
    found = {at for _, at in told(broken)[1]}
    assert {"/", "/States/Which/Default", "/States/Later/Seconds"} <= found
    answer = validate_state_machine_definition(None, {"definition": json.dumps(broken), "maxResults": 1})
    assert (len(answer["diagnostics"]), answer["truncated"]) == (1, True)
