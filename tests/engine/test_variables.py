"""Variables and JSONata in the history: scopes, assigned variables, and evaluations that fail."""

import pytest

from tests.engine.drive import Drive, machine, task

JSONATA = {"QueryLanguage": "JSONata"}


def jsonata(**states):
    return {**JSONATA, **machine(**states)}


def show(drive, type_):
    return [event for event in drive.history() if event["type"] == type_]


def test_a_variable_is_seen_by_later_states_and_told_in_the_exited_event():
    drive = Drive(
        jsonata(
            A={"Type": "Pass", "Assign": {"x": "{% $states.input.a %}", "y": [1]}, "Next": "B"},
            B={"Type": "Pass", "Output": "{% $x + $y[0] %}", "End": True},
        ),
        {"a": 41},
    )
    exited = show(drive, "PassStateExited")
    assert exited[0]["stateExitedEventDetails"] == {
        "name": "A",
        "output": '{"a":41}',
        "outputDetails": {"truncated": False},
        "assignedVariables": {"x": "41", "y": "[1]"},
        "assignedVariablesDetails": {"truncated": False},
    }
    assert "assignedVariables" not in exited[1]["stateExitedEventDetails"]
    assert drive.output() == 42


def test_an_iteration_sees_outer_variables_and_keeps_its_own_to_itself():
    inner = machine(
        I={"Type": "Pass", "Assign": {"y": "{% $states.input + $x %}"}, "Next": "J"},
        J={"Type": "Pass", "Output": "{% $y %}", "End": True},
    )
    drive = Drive(
        jsonata(
            A={"Type": "Pass", "Assign": {"x": 10}, "Next": "M"},
            M={"Type": "Map", "Items": [1, 2], "ItemProcessor": inner, "Next": "Z"},
            Z={"Type": "Pass", "Output": ["{% $states.input %}", "{% $exists($y) %}"], "End": True},
        )
    )
    assert drive.output() == [[11, 12], False]


def test_branches_assign_side_by_side():
    def branch(name):
        return machine(
            **{
                name: {"Type": "Pass", "Assign": {"y": name}, "Next": f"{name}2"},
                f"{name}2": {"Type": "Pass", "Output": "{% $y %}", "End": True},
            }
        )

    drive = Drive(
        jsonata(
            P={"Type": "Parallel", "Branches": [branch("A"), branch("B")], "Next": "Z"},
            Z={"Type": "Pass", "Assign": {"y": "after"}, "End": True},
        )
    )
    assert drive.output() == ["A", "B"]


@pytest.mark.proves("State.Output")
def test_a_result_is_seen_by_assign_and_output():
    fields = {"Assign": {"x": "{% $states.result.n %}"}, "Output": {"r": "{% $states.result.n + $states.input.n %}"}}
    drive = Drive(
        jsonata(A=task(**fields, Next="B"), B={"Type": "Pass", "Output": "{% [$x, $states.input.r] %}", "End": True}),
        {"n": 1},
    )
    assert drive.answer({"n": 2}).output() == [2, 3]


@pytest.mark.proves("State.Arguments")
def test_the_arguments_of_a_task_and_its_timeout_are_computed():
    fields = {"Arguments": {"a": "{% $states.input.n * 2 %}"}, "TimeoutSeconds": "{% $states.input.n %}"}
    drive = Drive(jsonata(A=task(**fields)), {"n": 7})
    assert (drive.calls[0].arguments.value, drive.calls[0].timeout) == ({"a": 14}, 7)


@pytest.mark.proves("Catch.Assign Catch.Output")
def test_a_catcher_assigns_and_makes_an_output_of_input_and_error():
    catch = [
        {
            "ErrorEquals": ["States.ALL"],
            "Next": "Z",
            "Assign": {"e": "{% $states.errorOutput.Error %}"},
            "Output": {"in": "{% $states.input %}", "why": "{% $states.errorOutput.Cause %}"},
        }
    ]
    drive = Drive(
        jsonata(
            A=task(Catch=catch, Assign={"never": 1}),
            Z={"Type": "Pass", "Output": ["{% $states.input %}", "{% $e %}"], "End": True},
        ),
        5,
    )
    assert drive.answer(error="Bad", cause="c").output() == [{"in": 5, "why": "c"}, "Bad"]


def test_a_jsonpath_catcher_assigns_from_the_error():
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Z", "Assign": {"e.$": "$.Error"}, "ResultPath": "$.c"}]
    drive = Drive(machine(A=task(Catch=catch), Z={"Type": "Pass", "OutputPath": "$e", "End": True}))
    assert drive.answer(error="Bad").output() == "Bad"


def test_a_failed_evaluation_is_an_event_that_points_where_the_states_own_entry_points():
    drive = Drive(
        jsonata(A={"Type": "Pass", "Next": "B"}, B={"Type": "Pass", "Output": {"v": "{% $no %}"}, "End": True})
    )
    cause = (
        "An error occurred while executing the state 'B' (entered at the event id #4). The JSONata expression '$no'"
        " specified for the field 'Output/v' returned nothing (undefined)."
    )
    event = show(drive, "EvaluationFailed")[0]
    assert (event["id"], event["previousEventId"]) == (5, 3)
    assert event["evaluationFailedEventDetails"] == {
        "cause": cause,
        "error": "States.QueryEvaluationError",
        "location": "Output/v",
        "state": "B",
    }
    assert (drive.x.error, drive.x.cause, drive.events[-1].previous) == ("States.QueryEvaluationError", cause, 5)


@pytest.mark.parametrize(("moment", "previous"), [("'2016-13-05T21:29:29Z'", 4), ("$no", 3), ("1", 3)])
def test_a_wait_for_a_moment_that_is_none_points_at_its_own_entry_unless_the_expression_fails(moment, previous):
    wait = {"Type": "Wait", "Timestamp": f"{{% {moment} %}}", "End": True}
    drive = Drive(jsonata(A={"Type": "Pass", "Next": "W"}, W=wait))
    assert show(drive, "EvaluationFailed")[0]["previousEventId"] == previous


def test_a_catcher_whose_output_cannot_be_evaluated_says_so():
    catch = [{"ErrorEquals": ["X"], "Output": {"a": ["{% $no %}"]}, "Next": "Q"}]
    states = jsonata(P={"Type": "Pass", "Next": "T"}, T=task(Catch=catch), Q={"Type": "Pass", "End": True})
    drive = Drive(states).answer(error="X")
    failed = show(drive, "EvaluationFailed")[0]
    assert (failed["previousEventId"], failed["evaluationFailedEventDetails"]["location"]) == (
        3,
        "Catch[0]/Output/a[0]",
    )
    assert drive.types()[-3:] == ["LambdaFunctionFailed", "EvaluationFailed", "ExecutionFailed"]
    assert drive.history()[-1]["previousEventId"] == failed["id"]
    assert drive.x.error == "States.QueryEvaluationError"


def test_a_map_that_cannot_begin_fails_as_a_map():
    drive = Drive(jsonata(M={"Type": "Map", "ItemProcessor": machine(I={"Type": "Pass", "End": True}), "End": True}), 1)
    assert drive.types()[-3:] == ["EvaluationFailed", "MapStateFailed", "ExecutionFailed"]
    assert "location" not in show(drive, "EvaluationFailed")[0]["evaluationFailedEventDetails"]
    assert (drive.x.cause or "").endswith("Map state input must be an array but was: 1")


def test_retry_and_catch_answer_a_failed_evaluation():
    errors = ["States.QueryEvaluationError"]
    fields = {
        "Output": "{% $states.result.n %}",
        "Retry": [{"ErrorEquals": errors, "MaxAttempts": 1, "IntervalSeconds": 1}],
        "Catch": [{"ErrorEquals": errors, "Next": "Z"}],
    }
    drive = Drive(jsonata(A=task(**fields), Z={"Type": "Pass", "Output": "{% $states.input.Error %}", "End": True}))
    drive.answer({}).until_due().answer({})
    assert drive.types().count("EvaluationFailed") == 2
    assert drive.output() == errors[0]


@pytest.mark.proves("State.QueryLanguage")
def test_the_languages_mix_state_by_state():
    drive = Drive(
        machine(
            A={"Type": "Pass", "Assign": {"x.$": "$.a"}, "Next": "B"},
            B={**JSONATA, "Type": "Pass", "Output": {"y": "{% $x + 1 %}"}, "Next": "C"},
            C={"Type": "Pass", "Parameters": {"z.$": "$.y", "x.$": "$x"}, "End": True},
        ),
        {"a": 1},
    )
    assert drive.output() == {"z": 2, "x": 1}


def test_each_item_of_a_map_is_selected_with_its_own_context():
    selector = {"v": "{% $states.context.Map.Item.Value %}", "i": "{% $states.context.Map.Item.Index + $x %}"}
    inner = machine(I={"Type": "Pass", "End": True})
    drive = Drive(
        jsonata(
            A={"Type": "Pass", "Assign": {"x": 1}, "Next": "M"},
            M={
                "Type": "Map",
                "Items": "{% ['a', 'b'] %}",
                "MaxConcurrency": "{% 1 %}",
                "ItemSelector": selector,
                "ItemProcessor": inner,
                "End": True,
            },
        )
    )
    assert drive.output() == [{"v": "a", "i": 1}, {"v": "b", "i": 2}]


def test_the_fail_state_computes_its_texts():
    drive = Drive(
        jsonata(F={"Type": "Fail", "Error": "{% 'E' & 1 %}", "Cause": "{% $states.input.why %}"}), {"why": "w"}
    )
    assert (drive.x.error, drive.x.cause) == ("E1", "w")


def test_what_an_iteration_assigns_hides_the_outer_variable_until_it_ends():
    inner = machine(
        I={"Type": "Pass", "Assign": {"x": "{% $states.input %}"}, "Next": "J"},
        J={"Type": "Pass", "Output": "{% $x %}", "End": True},
    )
    drive = Drive(
        jsonata(
            A={"Type": "Pass", "Assign": {"x": "outer"}, "Next": "M"},
            M={"Type": "Map", "Items": [1, 2], "ItemProcessor": inner, "Next": "Z"},
            Z={"Type": "Pass", "Output": ["{% $states.input %}", "{% $x %}"], "End": True},
        )
    )
    assert drive.output() == [[1, 2], "outer"]
