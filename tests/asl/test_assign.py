"""Variables: what a state sets, and what it sees while it does."""

import pytest

from stepwell.asl.machine import parse_machine
from stepwell.asl.payload import Payload
from stepwell.asl.scope import Scope
from stepwell.asl.states import enter, resume
from stepwell.errors import StatesError

LAMBDA = "arn:aws:lambda:us-east-1:000000000000:function:f"


def state(**fields):
    states = {"S": {"End": True, **fields} if fields["Type"] != "Choice" else fields, "N": {"Type": "Succeed"}}
    if fields["Type"] != "Choice":
        del states["N"]
    return parse_machine({"StartAt": "S", "States": states}).states["S"]


def seeing(scope, **variables):
    held = {name: Payload.of(value) for name, value in variables.items()}
    return Scope(scope.context, scope.now, scope.random, held, 0)


def values(go):
    return {name: payload.value for name, payload in (go.variables or {}).items()}


def test_a_state_without_assign_sets_nothing(scope):
    assert enter(state(Type="Pass"), Payload.of({}), scope).variables is None
    assert enter(state(Type="Pass", Assign={}), Payload.of({}), scope).variables is None


def test_jsonpath_fields_that_end_in_dollar_are_looked_up(scope):
    made = state(Type="Pass", Assign={"a.$": "$.x", "b": "$.x", "c.$": "$$.State.Name", "d": {"e.$": "$v.w"}})
    go = enter(made, Payload.of({"x": 1}), seeing(scope, v={"w": 2}))
    assert values(go) == {"a": 1, "b": "$.x", "c": "S", "d": {"e": 2}}


def test_a_pass_assigns_from_its_result(scope):
    made = state(Type="Pass", Result={"answer": 42}, ResultPath="$.r", Assign={"a.$": "$.answer"})
    assert values(enter(made, Payload.of({}), scope)) == {"a": 42}


@pytest.mark.proves("State.Assign")
def test_a_task_assigns_from_the_result_before_its_selector(scope):
    made = state(Type="Task", Resource=LAMBDA, ResultSelector={"y.$": "$.x"}, Assign={"a.$": "$.x"})
    assert values(resume(made, Payload.of({}), Payload.of({"x": 1}), scope)) == {"a": 1}


def test_all_that_a_state_computes_sees_the_variables_from_before(scope):
    made = state(Type="Pass", OutputPath="$v", Assign={"v": "new", "w.$": "$v"})
    go = enter(made, Payload.of({}), seeing(scope, v="old"))
    assert (go.output.value, values(go)) == ("old", {"v": "new", "w": "old"})
    made = state(Type="Pass", QueryLanguage="JSONata", Output="{% $v %}", Assign={"v": "new", "w": "{% $v %}"})
    go = enter(made, Payload.of({}), seeing(scope, v="old"))
    assert (go.output.value, values(go)) == ("old", {"v": "new", "w": "old"})


@pytest.mark.parametrize(
    ("path", "expected"), [("$v", [{"b": 1}, {"b": 2}]), ("$v[1].b", 2), ("$v[*].b", [1, 2]), ("$v[0]['b']", 1)]
)
def test_a_path_may_start_in_a_variable(scope, path, expected):
    go = enter(state(Type="Pass", InputPath=path), Payload.of({}), seeing(scope, v=[{"b": 1}, {"b": 2}]))
    assert go.output.value == expected


def test_a_variable_that_is_not_there_is_a_path_that_leads_nowhere(scope):
    with pytest.raises(StatesError) as error:
        enter(state(Type="Pass", InputPath="$v.a"), Payload.of({}), scope)
    assert (error.value.name, error.value.cause) == ("States.Runtime", "Invalid path '$v.a' : No results for path: $v")


@pytest.mark.proves("Choice.Assign")
def test_a_rule_of_a_choice_has_its_own_assign_and_the_state_has_that_of_the_default(scope):
    rule = {"Variable": "$.x", "NumericEquals": 1, "Next": "N", "Assign": {"a": "rule"}}
    made = state(Type="Choice", Choices=[rule], Default="N", Assign={"a": "default"})
    assert values(enter(made, Payload.of({"x": 1}), scope)) == {"a": "rule"}
    assert values(enter(made, Payload.of({"x": 2}), scope)) == {"a": "default"}
    rule = {"Condition": "{% $states.input.x = 1 %}", "Next": "N", "Output": "rule"}
    made = state(Type="Choice", QueryLanguage="JSONata", Choices=[rule], Default="N", Output="default")
    assert enter(made, Payload.of({"x": 1}), scope).output.value == "rule"
    assert enter(made, Payload.of({"x": 2}), scope).output.value == "default"


def test_variables_that_are_too_large_are_refused(scope):
    made = state(Type="Pass", Assign={"a.$": "$", "b.$": "$"})
    assert values(enter(made, Payload.of("x" * 100_000), scope))
    with pytest.raises(StatesError) as error:
        enter(made, Payload.of("x" * 140_000), scope)
    assert error.value.name == "States.DataLimitExceeded"
    full = seeing(scope, **{f"v{n}": "x" * 250_000 for n in range(42)})
    with pytest.raises(StatesError, match="10485760"):
        enter(state(Type="Pass", Assign={"a": 1}), Payload.of({}), full)
