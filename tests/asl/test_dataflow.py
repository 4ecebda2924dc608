import pytest

from stepwell.asl.machine import parse_machine
from stepwell.asl.payload import Payload, dumps
from stepwell.asl.states import enter, resume
from stepwell.errors import StatesError


def state(**fields):
    return parse_machine({"StartAt": "S", "States": {"S": {"Type": "Pass", "End": True, **fields}}}).states["S"]


def out(value, scope, **fields):
    return enter(state(**fields), Payload.of(value), scope).output.value


def test_without_fields_the_payload_is_handed_on_as_the_same_object(scope):
    raw = Payload.parse('{"a" : 1}')
    assert enter(state(), raw, scope).output is raw
    assert enter(state(InputPath="$", OutputPath="$", ResultPath="$"), raw, scope).output is raw


@pytest.mark.proves("State.InputPath State.Parameters State.ResultPath State.OutputPath")
def test_each_step_works_on_what_the_one_before_gave(scope):
    fields = {"InputPath": "$.in", "Parameters": {"x.$": "$.n"}, "ResultPath": "$.result", "OutputPath": "$.result"}
    assert out({"in": {"n": 1}}, scope, **fields) == {"x": 1}


@pytest.mark.proves("State.ResultSelector")
def test_a_result_selector_sees_the_result_and_the_result_path_the_raw_input(scope):
    fields = {
        "Type": "Task",
        "Resource": "arn:x",
        "InputPath": "$.a",
        "ResultSelector": {"n.$": "$.N"},
        "ResultPath": "$.r",
    }
    left = resume(state(**fields), Payload.of({"a": {}}), Payload.of({"N": 3, "M": 4}), scope)
    assert left.output.value == {"a": {}, "r": {"n": 3}}
    assert left.next is None


def test_null_paths_give_the_empty_object_or_drop_the_result(scope):
    assert out({"a": 1}, scope, InputPath=None) == {}
    assert out({"a": 1}, scope, OutputPath=None) == {}
    assert out({"a": 1}, scope, Result=5, ResultPath=None) == {"a": 1}


def test_paths_reach_the_context_object(scope):
    assert out({}, scope, InputPath="$$.Execution.Input") == {"n": 7}
    assert out({}, scope, OutputPath="$$.State.Name") == "S"


def test_a_result_is_placed_where_its_path_says_and_the_rest_is_kept(scope):
    value = {"a": {"b": 1}, "list": [1, 2]}
    assert out(value, scope, Result=9, ResultPath="$.a.c") == {"a": {"b": 1, "c": 9}, "list": [1, 2]}
    assert out(value, scope, Result=9, ResultPath="$.x.y") == {**value, "x": {"y": 9}}
    assert out(value, scope, Result=9, ResultPath="$.list[1]") == {"a": {"b": 1}, "list": [1, 9]}
    assert out(value, scope, Result=9, ResultPath="$.x[0]") == {**value, "x": [9]}
    assert out(value, scope, Result=9, ResultPath="$.x[0].y") == {**value, "x": [{"y": 9}]}
    assert value == {"a": {"b": 1}, "list": [1, 2]}


@pytest.mark.parametrize(
    ("value", "path", "what"),
    [
        ({"a": 1}, "$.a.b", 'step "b"'),
        ({"a": 1}, "$.a.b.c", 'step "b"'),
        ([], "$.a", 'step "a"'),
        ({}, "$.a[1]", 'step "a"'),
        ({"a": []}, "$.a[0]", 'step "0"'),
        ({"a": None}, "$.a.b", 'step "b"'),
        ("text", "$.a", "ReferencePath $.a"),
        (None, "$.a", "ReferencePath $.a"),
    ],
)
@pytest.mark.proves("States.ReferencePathConflict")
def test_a_result_that_cannot_be_placed_fails_the_state(value, path, what, scope):
    with pytest.raises(StatesError) as error:
        out(value, scope, Result=9, ResultPath=path)
    assert error.value.name == "States.ReferencePathConflict"
    assert error.value.cause == f"Unable to apply {what} to input {dumps(value)}"


@pytest.mark.parametrize("field", ["InputPath", "OutputPath"])
def test_a_path_that_leads_nowhere_fails_the_state_in_jayways_words(field, scope):
    with pytest.raises(StatesError) as error:
        out({}, scope, **{field: "$.no.such"})
    assert error.value.name == "States.Runtime"
    assert error.value.cause == "Invalid path '$.no.such' : Missing property in path $['no']"


@pytest.mark.proves("States.DataLimitExceeded")
def test_a_computed_output_may_have_256_kib_and_not_a_byte_more(scope):
    fits = "x" * (262_144 - 2)
    assert out({}, scope, Result=fits) == fits
    with pytest.raises(StatesError) as error:
        out({}, scope, Result=fits + "x")
    assert error.value.name == "States.DataLimitExceeded"
    assert error.value.cause == (
        "The state/task 'S' returned a result with a size exceeding the maximum number of bytes service limit."
    )
