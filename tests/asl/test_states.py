"""Entering and leaving each type of state."""

import pytest

from stepwell.asl.machine import parse_machine
from stepwell.asl.outcome import Call, Done, Fail, Fork, Go, Wait
from stepwell.asl.payload import Payload
from stepwell.asl.states import check_result, enter, resume
from stepwell.errors import StatesError

BRANCH = {"StartAt": "Inner", "States": {"Inner": {"Type": "Succeed"}}}
OTHER = {"StartAt": "Other", "States": {"Other": {"Type": "Succeed"}}}
LAMBDA = "arn:aws:lambda:us-east-1:000000000000:function:f"


def state(**fields):
    states = {"S": fields, "N": {"Type": "Succeed"}}
    if fields["Type"] in ("Succeed", "Fail") or fields.get("End"):
        del states["N"]
    return parse_machine({"StartAt": "S", "States": states}).states["S"]


def failure(made, value, scope):
    with pytest.raises(StatesError) as error:
        enter(made, Payload.of(value), scope)
    return error.value.name, error.value.cause


@pytest.mark.proves("Pass Pass.Result State.End")
def test_pass_goes_on_with_its_result_or_its_input(scope):
    assert enter(state(Type="Pass", Result=[1], Next="N"), Payload.of({}), scope) == Go(Payload.of([1]), "N")
    assert enter(state(Type="Pass", End=True), Payload.of({}), scope) == Go(Payload.of({}), None)


def test_a_fixed_result_is_no_template(scope):
    result = {"a.$": "$.b"}
    assert enter(state(Type="Pass", Result=result, Next="N"), Payload.of({}), scope).output.value == result


def test_a_result_of_null_is_a_result(scope):
    assert enter(state(Type="Pass", Result=None, Next="N"), Payload.of({}), scope).output.value is None


@pytest.mark.proves("Succeed")
def test_succeed_ends_with_its_selected_input(scope):
    assert enter(state(Type="Succeed", OutputPath="$.a"), Payload.of({"a": 1}), scope) == Done(Payload.of(1))


@pytest.mark.proves("Fail Fail.Error Fail.Cause")
def test_fail_has_fixed_texts_or_none(scope):
    assert enter(state(Type="Fail", Error="E", Cause="why"), Payload.of({}), scope) == Fail("E", "why")
    assert enter(state(Type="Fail"), Payload.of({}), scope) == Fail(None, None)


@pytest.mark.proves("Fail.ErrorPath Fail.CausePath")
def test_fail_looks_its_texts_up_or_computes_them(scope):
    made = state(Type="Fail", ErrorPath="$$.State.Name", CausePath="States.Format('{} broke', $.what)")
    assert enter(made, Payload.of({"what": "it"}), scope) == Fail("S", "it broke")


def test_fail_without_the_text_it_wants_fails_otherwise(scope):
    made = state(Type="Fail", ErrorPath="$.e")
    where = "The JSONPath '$.e' specified for the field 'ErrorPath' could not be found in the input '{}'"
    assert failure(made, {}, scope) == ("States.Runtime", where)
    assert failure(made, {"e": 1}, scope)[0] == "States.Runtime"


def choice(**fields):
    return state(Type="Choice", Choices=[{"Variable": "$.a", "NumericEquals": 1, "Next": "N"}], **fields)


@pytest.mark.proves("Choice Choice.Choices Choice.Default Choice.Next")
def test_choice_takes_the_first_rule_that_holds_else_the_default(scope):
    raw = Payload.of({"a": 1})
    found = enter(choice(), raw, scope)
    assert (found.output, found.next) == (raw, "N")
    assert enter(choice(Default="S"), Payload.of({"a": 2}), scope).next == "S"


@pytest.mark.proves("States.NoChoiceMatched")
def test_choice_without_a_match_and_a_default_fails_as_aws_lets_it_fail_not_as_it_says(scope):
    cause = "Failed to transition out of the state. The state does not point to a next state."
    assert failure(choice(), {"a": 2}, scope) == ("States.Runtime", cause)


def test_choice_applies_its_input_and_output_paths(scope):
    made = choice(InputPath="$.in", OutputPath="$.a")
    assert enter(made, Payload.of({"in": {"a": 1}}), scope) == Go(Payload.of(1), "N")


@pytest.mark.parametrize(
    ("fields", "value", "until"),
    [
        ({"Seconds": 10}, {}, 1_000_010),
        ({"Seconds": 0}, {}, 1_000_000),
        ({"SecondsPath": "$.s"}, {"s": 10}, 1_000_010),
        ({"SecondsPath": "$.s"}, {"s": "10"}, 1_000_010),
        ({"Timestamp": "1970-01-02T00:00:00Z"}, {}, 86_400),
        ({"TimestampPath": "$.t"}, {"t": "1970-02-01T00:00:00Z"}, 2_678_400),
    ],
)
@pytest.mark.proves("Wait Wait.Seconds Wait.SecondsPath Wait.Timestamp Wait.TimestampPath")
def test_wait_knows_until_when(fields, value, until, scope):
    assert enter(state(Type="Wait", Next="N", **fields), Payload.of(value), scope) == Wait(until)


@pytest.mark.parametrize(
    ("fields", "value", "cause"),
    [
        ({"SecondsPath": "$.p"}, {}, "The SecondsPath parameter does not reference an input value: $.p"),
        ({"SecondsPath": "$.p"}, {"p": -1}, "The SecondsPath parameter references a negative value: $.p == -1"),
        ({"SecondsPath": "$.p"}, {"p": 1.5}, "The SecondsPath parameter cannot be parsed as a long value: $.p == 1.5"),
        ({"SecondsPath": "$.p"}, {"p": "x"}, "The SecondsPath parameter cannot be parsed as a long value: $.p == x"),
        ({"SecondsPath": "$.p"}, {"p": 100_000_000}, "Wait state delay is too long."),
        (
            {"TimestampPath": "$.p"},
            {"p": "2016-12-05T21:29:29"},
            "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: "
            "$.p == 2016-12-05T21:29:29",
        ),
    ],
)
def test_wait_refuses_what_is_no_time(fields, value, cause, scope):
    assert failure(state(Type="Wait", Next="N", **fields), value, scope) == ("States.Runtime", cause)


def test_wait_is_left_with_its_selected_input(scope):
    raw = Payload.of({"in": {"a": 1}})
    made = state(Type="Wait", Seconds=1, InputPath="$.in", OutputPath="$.a", Next="N")
    assert resume(made, raw, raw, scope) == Go(Payload.of(1), "N")


@pytest.mark.proves("Task Task.Resource Task.TimeoutSeconds Task.HeartbeatSecondsPath Task.Credentials")
def test_task_calls_its_resource_with_its_arguments(scope):
    made = state(
        Type="Task",
        Resource=LAMBDA,
        Parameters={"x.$": "$.a"},
        TimeoutSeconds=9,
        HeartbeatSecondsPath="$.beat",
        Credentials={"RoleArn.$": "$.role"},
        Next="N",
    )
    called = enter(made, Payload.of({"a": 1, "beat": 3, "role": "r"}), scope)
    assert called == Call(LAMBDA, Payload.of({"x": 1}), 9, 3, Payload.of({"RoleArn": "r"}))


def test_a_task_without_limits_hands_its_input_on(scope):
    raw = Payload.parse('{ "a": 1 }')
    called = enter(state(Type="Task", Resource=LAMBDA, Next="N"), raw, scope)
    assert called == Call(LAMBDA, raw)
    assert called.arguments is raw


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ({}, "Invalid path '$.t' : No results for path: $['t']"),
        ({"t": "x"}, 'The TimeoutSecondsPath field refers to value "x" which is not a valid integer: $.t'),
        ({"t": -1}, "TimeoutSeconds cannot be negative."),
    ],
)
@pytest.mark.proves("Task.TimeoutSecondsPath")
def test_a_tasks_time_limit_is_a_whole_number(value, cause, scope):
    made = state(Type="Task", Resource=LAMBDA, TimeoutSecondsPath="$.t", Next="N")
    assert failure(made, value, scope) == ("States.Runtime", cause)


@pytest.mark.parametrize(
    ("resource", "called"),
    [
        (LAMBDA, LAMBDA),
        ("arn:aws:states:::lambda:invoke", "lambda"),
        ("arn:aws:states:::aws-sdk:sfn:startExecution", "aws-sdk:sfn"),
    ],
)
def test_a_tasks_result_has_the_size_limit_too_and_names_the_resource(resource, called, scope):
    made = state(Type="Task", Resource=resource, ResultPath=None, Next="N")
    for check in (check_result, lambda made, result: resume(made, Payload.of({}), result, scope)):
        with pytest.raises(StatesError, match=f"The state/task '{called}' returned a result with a size exceeding"):
            check(made, Payload.of("x" * 262_144))


@pytest.mark.proves("Parallel Parallel.Branches")
def test_parallel_runs_every_branch_with_the_same_input(scope):
    made = state(Type="Parallel", Branches=[BRANCH, OTHER], Parameters={"x.$": "$.a"}, Next="N")
    fork = enter(made, Payload.of({"a": 1}), scope)
    assert (fork.kind, fork.concurrency, fork.name) == ("Parallel", 0, "S")
    assert [machine.start_at for machine in fork.machines] == ["Inner", "Other"]
    assert [each.text for each in fork.inputs] == ['{"x":1}', '{"x":1}']


def test_parallel_is_left_with_the_array_of_its_branches_outputs(scope):
    made = state(Type="Parallel", Branches=[BRANCH], ResultSelector={"first.$": "$[0].n"}, ResultPath="$.r", Next="N")
    left = resume(made, Payload.of({}), Payload.array([Payload.of({"n": 1})]), scope)
    assert left == Go(Payload.of({"r": {"first": 1}}), "N")


def mapped(**fields):
    return state(Type="Map", ItemProcessor=BRANCH, Next="N", **fields)


@pytest.mark.proves("Map Map.ItemProcessor Map.ItemsPath Map.MaxConcurrency")
def test_map_runs_its_machine_for_every_item(scope):
    fork = enter(mapped(ItemsPath="$.items", MaxConcurrency=2), Payload.of({"items": [1, "a", None]}), scope)
    assert isinstance(fork, Fork)
    assert (fork.kind, fork.concurrency, fork.machines[0].start_at) == ("Map", 2, "Inner")
    assert [each.value for each in fork.inputs] == [1, "a", None]


@pytest.mark.parametrize("field", ["ItemSelector", "Parameters"])
@pytest.mark.proves("Map.ItemSelector Map.Item.Index Map.Item.Value")
def test_an_item_selector_sees_the_item_its_index_and_the_input(field, scope):
    template = {"v.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index", "all.$": "$.n", "run.$": "$$.Execution.Name"}
    made = mapped(InputPath="$.in", ItemsPath="$.items", **{field: template})
    fork = enter(made, Payload.of({"in": {"items": ["a", "b"], "n": 2}}), scope)
    assert [each.value for each in fork.inputs] == [
        {"v": "a", "i": 0, "all": 2, "run": "run-1"},
        {"v": "b", "i": 1, "all": 2, "run": "run-1"},
    ]


@pytest.mark.proves("Map.Iterator Map.MaxConcurrencyPath")
def test_a_map_without_items_path_takes_its_input_and_iterator_is_its_old_name(scope):
    made = state(Type="Map", Iterator=BRANCH, MaxConcurrencyPath="$[0]", Next="N")
    fork = enter(made, Payload.of([3]), scope)
    assert (fork.concurrency, [each.value for each in fork.inputs]) == (3, [3])


def test_what_is_no_array_cannot_be_mapped(scope):
    assert failure(mapped(), {"a": 1}, scope) == ("States.Runtime", 'Reference path "$" must point to array.')
    assert failure(mapped(ItemsPath="$.a"), {"a": 1}, scope)[1] == 'Reference path "$.a" must point to array.'
    missing = ("States.ReferencePathConflict", 'Unable to apply step "b" to input {"a":1}')
    assert failure(mapped(ItemsPath="$.b.c"), {"a": 1}, scope) == missing
    assert failure(mapped(ItemsPath="$$.b"), {}, scope)[1] == "Invalid path '$$.b' : No results for path: $['b']"
