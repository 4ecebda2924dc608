"""The decisions of the engine, with a clock that the tests set."""

import json
from itertools import pairwise

import pytest

from tests.engine.drive import LAMBDA, Drive, described, machine, task

PASS = {"Type": "Pass", "End": True}


def test_the_first_state_points_back_at_nothing():
    """AWS: `ExecutionStarted` has id 1, the first Entered event id 2 and previousEventId 0."""
    drive = Drive(machine(A=PASS), {"a": 1})
    assert drive.pointers() == [
        (1, 0, "ExecutionStarted"),
        (2, 0, "PassStateEntered"),
        (3, 2, "PassStateExited"),
        (4, 3, "ExecutionSucceeded"),
    ]


def test_an_input_is_kept_verbatim_and_handed_to_the_first_state_without_blanks():
    drive = Drive(machine(A=PASS), [1, 2.0, "a b"])
    started, entered = drive.history()[:2]
    assert started["executionStartedEventDetails"]["input"] == '[1, 2.0, "a b"]'
    assert entered["stateEnteredEventDetails"]["input"] == '[1,2.0,"a b"]'


def test_a_task_is_announced_before_it_is_called_and_ends_with_its_result():
    drive = Drive(machine(A=task(Parameters={"action": "task_01"}, TimeoutSeconds=900)))
    assert [call.arguments.value for call in drive.calls] == [{"action": "task_01"}]
    scheduled = drive.history()[2]["lambdaFunctionScheduledEventDetails"]
    assert scheduled == {
        "input": '{"action":"task_01"}',
        "inputDetails": {"truncated": False},
        "resource": LAMBDA,
        "timeoutInSeconds": 900,
    }
    drive.answer({"rows": 3})
    assert drive.types()[2:] == [
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
        "LambdaFunctionSucceeded",
        "TaskStateExited",
        "ExecutionSucceeded",
    ]
    assert drive.output() == {"rows": 3}


def test_an_answer_that_nobody_waits_for_changes_nothing():
    """A duplicate, or one that comes after the timeout."""
    drive = Drive(machine(A=task(Next="B"), B=task()))
    late = drive.calls[0]
    drive.answer(1)
    before = len(drive.events)
    drive.calls.insert(0, late)
    drive.answer(2)
    assert len(drive.events) == before


def test_a_failure_is_retried_after_its_interval_with_backoff():
    """Retries leave no event of AWS's own: the next Scheduled event points back at the Failed one."""
    retry = [{"ErrorEquals": ["Lost"], "IntervalSeconds": 5, "MaxAttempts": 2, "BackoffRate": 2}]
    drive = Drive(machine(A=task(Retry=retry)))
    begun = drive.now
    drive.answer(error="Lost", cause="c")
    assert not drive.calls
    drive.until_due()
    assert drive.now == begun + 5_000
    drive.answer(error="Lost")
    drive.until_due()
    assert drive.now == begun + 15_000
    assert drive.answer("third").output() == "third"
    scheduled = [event for event in drive.events if event.type == "LambdaFunctionScheduled"]
    failed = [event.id for event in drive.events if event.type == "LambdaFunctionFailed"]
    assert [event.previous for event in scheduled] == [2, *failed]


def test_retries_that_are_used_up_fail_the_execution_with_the_last_error():
    drive = Drive(machine(A=task(Retry=[{"ErrorEquals": ["Lost"], "MaxAttempts": 1}])))
    drive.answer(error="Lost", cause="first").until_due().answer(error="Lost", cause="second")
    assert (drive.x.status, drive.x.error, drive.x.cause) == ("FAILED", "Lost", "second")


@pytest.mark.proves("Catch.Next")
def test_a_caught_error_goes_on_at_the_catcher():
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Sorry", "ResultPath": "$.error"}]
    definition = machine(A=task(Catch=catch), Sorry=PASS)
    drive = Drive(definition, {"x": 1}).answer(error="Bad", cause="why")
    assert drive.output() == {"x": 1, "error": {"Error": "Bad", "Cause": "why"}}


def test_a_task_past_its_timeout_is_cancelled_and_times_out_without_a_cause():
    drive = Drive(machine(A=task(TimeoutSeconds=3)))
    call = drive.calls[0].call
    drive.until_due()
    assert drive.cancelled == [call]
    event = next(e for e in drive.history() if e["type"] == "LambdaFunctionTimedOut")
    assert event["lambdaFunctionTimedOutEventDetails"] == {"error": "States.Timeout"}
    assert (drive.x.status, drive.x.error, drive.x.cause) == ("FAILED", "States.Timeout", None)


def test_the_timer_of_an_attempt_that_has_ended_means_nothing():
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1}]
    drive = Drive(machine(A=task(TimeoutSeconds=60, Retry=retry))).answer(error="Bad")
    drive.until_due()  # the retry
    drive.until_due()  # the first attempt's timeout
    assert drive.x.status == "RUNNING"
    assert "LambdaFunctionTimedOut" not in drive.types()


@pytest.mark.proves("Machine.TimeoutSeconds")
def test_a_machine_past_its_timeout_times_out():
    definition = machine(A=task()) | {"TimeoutSeconds": 60}
    drive = Drive(definition)
    call = drive.calls[0].call
    drive.until_due()
    assert (drive.x.status, drive.cancelled, drive.types()[-1]) == ("TIMED_OUT", [call], "ExecutionTimedOut")
    assert drive.history()[-1]["previousEventId"] == 0  # where the state's own Entered event points


def test_a_wait_lasts_as_long_as_it_says():
    drive = Drive(machine(W={"Type": "Wait", "Seconds": 259_200, "End": True}))
    begun = drive.now
    drive.until_due()
    assert (drive.now - begun, drive.x.status) == (259_200_000, "SUCCEEDED")


def test_the_branches_of_a_parallel_run_side_by_side_and_their_outputs_are_in_order():
    branches = [machine(B1=task()), machine(B2=task())]
    drive = Drive(machine(P={"Type": "Parallel", "Branches": branches, "End": True}))
    assert len(drive.calls) == 2
    drive.answer("second", at=1)
    assert drive.x.status == "RUNNING"
    assert drive.answer("first").output() == ["first", "second"]


def test_a_branch_that_fails_stops_the_others_and_fails_the_parallel():
    branches = [machine(B1=task()), machine(B2=task())]
    drive = Drive(machine(P={"Type": "Parallel", "Branches": branches, "End": True}))
    other = drive.calls[1].call
    drive.answer(error="Bad", cause="why")
    assert drive.cancelled == [other]
    assert drive.types()[-4:] == ["TaskStateAborted", "TaskStateAborted", "ParallelStateFailed", "ExecutionFailed"]
    assert (drive.x.error, drive.x.cause) == ("Bad", "why")


def test_a_map_runs_at_most_its_concurrency_at_a_time():
    """AWS: with MaxConcurrency 1 an iteration points back at the last event inside the one before."""
    inner = {"ItemProcessor": machine(I=task()), "MaxConcurrency": 1}
    drive = Drive(machine(M={"Type": "Map", "End": True, **inner}), ["a", "b"])
    assert [call.arguments.value for call in drive.calls] == ["a"]
    drive.answer(1)
    starts = [event for event in drive.events if event.type == "MapIterationStarted"]
    exited = next(event for event in drive.events if event.type == "TaskStateExited")
    assert [event.previous for event in starts] == [3, exited.id]
    assert drive.answer(2).output() == [1, 2]


def test_the_end_of_a_map_points_back_at_the_last_iteration_that_succeeded():
    drive = Drive(machine(M={"Type": "Map", "End": True, "ItemProcessor": machine(I=PASS)}), [1, 2])
    last = [event.id for event in drive.events if event.type == "MapIterationSucceeded"][-1]
    ends = [event for event in drive.events if event.type in ("MapStateSucceeded", "MapStateExited")]
    assert [event.previous for event in ends] == [last, last]


def test_a_map_over_nothing_succeeds_with_nothing():
    assert Drive(machine(M={"Type": "Map", "End": True, "ItemProcessor": machine(I=PASS)}), []).output() == []


def test_the_items_of_nested_maps_come_out_in_their_places():
    inner = {"Type": "Map", "End": True, "ItemProcessor": machine(I=PASS)}
    outer = {"Type": "Map", "End": True, "ItemProcessor": machine(N=inner)}
    rows = [[1, 2], [], [3]]
    assert Drive(machine(M=outer), rows).output() == rows


@pytest.mark.proves("Map.Item.Index Map.Item.Value")
def test_the_context_object_of_an_item_names_the_item():
    inner = {"Type": "Pass", "End": True, "Parameters": {"at.$": "$$.Map.Item.Index", "is.$": "$$.Map.Item.Value"}}
    drive = Drive(machine(M={"Type": "Map", "End": True, "ItemProcessor": machine(I=inner)}), ["x", "y"])
    assert drive.output() == [{"at": 0, "is": "x"}, {"at": 1, "is": "y"}]


def test_a_retried_map_starts_all_its_items_again():
    """AWS: a new MapStateStarted with no MapStateFailed before it, pointing at the last event inside."""
    retry = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1, "IntervalSeconds": 1}]
    drive = Drive(machine(M={"Type": "Map", "End": True, "ItemProcessor": machine(I=task()), "Retry": retry}), [1, 2])
    drive.answer("one").answer(error="Bad")
    failed = next(event for event in drive.events if event.type == "LambdaFunctionFailed")
    drive.until_due()
    again = [event for event in drive.events if event.type == "MapStateStarted"][-1]
    assert (again.previous, "MapStateFailed" in drive.types()) == (failed.id, False)
    assert drive.answer("uno").answer("due").output() == ["uno", "due"]


def test_stopping_points_where_the_current_state_was_entered_from():
    """AWS: `ExecutionAborted` shares its previousEventId with the current state's Entered event."""
    drive = Drive(machine(A={"Type": "Pass", "Next": "B"}, B=task()))
    call = drive.calls[0].call
    drive.stop()
    entered = next(event for event in drive.events if event.type == "TaskStateEntered")
    assert drive.events[-1].previous == entered.previous
    assert (drive.x.status, drive.cancelled) == ("ABORTED", [call])


def test_a_redrive_calls_the_task_that_was_stopped_again_and_nothing_before_it():
    drive = Drive(machine(A=task(Next="B"), B=task())).answer("a").stop().redrive()
    assert [call.state for call in drive.calls][-1] == "B"
    assert drive.types().count("LambdaFunctionScheduled") == 3
    assert drive.answer("b", at=-1).output() == "b"
    assert drive.x.redrives == 1


def test_a_redrive_of_what_ended_in_a_fail_state_fails_again():
    definition = machine(A=task(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "F"}]), F={"Type": "Fail", "Error": "E"})
    drive = Drive(definition).answer(error="Bad").redrive()
    assert (drive.x.status, drive.x.error) == ("FAILED", "E")


def test_an_evaluation_that_fails_names_the_state_and_where_it_was_entered():
    drive = Drive(machine(A={"Type": "Pass", "InputPath": "$.no", "End": True}))
    prefix = "An error occurred while executing the state 'A' (entered at the event id #2). "
    assert (drive.x.error, (drive.x.cause or "").startswith(prefix)) == ("States.Runtime", True)


def test_a_call_that_is_refused_beforehand_is_not_announced():
    drive = Drive(machine(A={"Type": "Wait", "Seconds": 1, "Next": "B"}, B=task()))
    drive.x.refuses = lambda call: f"{call.resource} is out of order."
    drive.until_due()
    told = "An error occurred while executing the state 'B' (entered at the event id #4). "
    assert (drive.x.error, drive.x.cause) == ("States.Runtime", f"{told}{LAMBDA} is out of order.")
    assert "LambdaFunctionScheduled" not in drive.types()


@pytest.mark.parametrize("mode", [{}, {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}])
@pytest.mark.parametrize(("field", "last"), [("MaxConcurrency", "Entered"), ("ToleratedFailureCount", "Started")])
def test_how_many_items_run_at_once_is_read_before_a_map_starts_and_what_it_tolerates_afterwards(mode, field, last):
    inner = {**machine(I={"Type": "Pass", "End": True}), **mode}
    mapped = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": inner, f"{field}Path": "$.n", "End": True}
    drive = Drive(machine(M=mapped), {"items": [1], "n": "x"})
    assert drive.types()[-2:] == [f"MapState{last}", "ExecutionFailed"]
    assert drive.history()[-1]["previousEventId"] == drive.x.id - 1
    assert described(drive.refold()) == described(drive.x)


def test_a_map_that_fails_as_it_starts_starts_none_of_its_items():
    inner = machine(I={"Type": "Pass", "End": True})
    bad = {"Type": "Map", "Items": [1], "ItemProcessor": inner, "ToleratedFailureCount": "{% -1 %}", "End": True}
    states = machine(M=bad | {"Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]})
    drive = Drive({"QueryLanguage": "JSONata", **states}).until_due()
    again = ["MapStateStarted", "EvaluationFailed"]
    assert drive.types()[2:] == [*again, *again, "MapStateFailed", "ExecutionFailed"]


BROKEN = {"Type": "Pass", "InputPath": "$.no", "End": True}
CATCH = [{"ErrorEquals": ["States.ALL"], "Next": "Q"}]


@pytest.mark.parametrize(
    "around",
    [
        {"Type": "Parallel", "Branches": [machine(T=task()), machine(B=BROKEN)]},
        {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": machine(B=BROKEN)},
    ],
)
def test_what_nothing_may_answer_ends_the_execution_without_a_word_from_the_states_around(around):
    """As AWS does it: neither the branch, nor the iteration, nor the state around them is told to have failed."""
    retry = [{"ErrorEquals": ["States.ALL"]}]
    outer = {**around, "Retry": retry, "Catch": CATCH, "End": True}
    drive = Drive(machine(S=outer, Q={"Type": "Pass", "End": True}), {"items": [1, 2]})
    *_, (entered, _, before), (_, previous, last) = drive.pointers()
    assert (before, last, previous) == ("PassStateEntered", "ExecutionFailed", entered)
    assert (drive.x.error, drive.calls, drive.timers) == ("States.Runtime", [], [])
    assert described(drive.refold()) == described(drive.x)
    assert drive.redrive().x.status == "FAILED"


def test_a_catcher_that_cannot_place_the_error_fails_the_state():
    catch = [{"ErrorEquals": ["X"], "Next": "Q", "ResultPath": "$.a.b"}]
    drive = Drive(machine(A=task(Catch=catch), Q={"Type": "Pass", "End": True}), {"a": 1}).answer(error="X")
    assert (drive.types()[-2:], drive.x.error, drive.x.cause) == (
        ["LambdaFunctionFailed", "ExecutionFailed"],
        "States.ReferencePathConflict",
        'Unable to apply step "b" to input {"a":1}',
    )


def test_a_result_above_the_limit_is_a_failure_of_the_task():
    drive = Drive(machine(A=task())).answer("x" * 300_000)
    assert drive.x.error == "States.DataLimitExceeded"
    assert "LambdaFunctionFailed" in drive.types()


def test_an_error_that_makes_the_output_too_large_is_not_caught():
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "B", "ResultPath": "$.failure"}]
    drive = Drive(machine(A=task(Catch=catch), B=task()), {"much": "x" * 260_000})
    drive.answer(error="Bad", cause="y" * 5_000)
    assert (drive.x.status, drive.x.error) == ("FAILED", "States.DataLimitExceeded")
    assert drive.x.cause == (
        "The state/task 'A' returned a result with a size exceeding the maximum number of bytes service limit."
    )
    assert drive.types()[-2:] == ["LambdaFunctionFailed", "ExecutionFailed"]


def test_a_long_chain_is_cut_into_commits_between_states():
    """No commit grows without bound, and what a fold finds after any of them goes on to the same end."""
    names = [f"S{n}" for n in range(700)]
    states = {n: {"Type": "Pass", "Next": m} for n, m in pairwise(names)}
    drive = Drive({"StartAt": "S0", "States": {**states, names[-1]: PASS}}, {"a": 1})
    assert drive.x.status == "SUCCEEDED"
    assert len(drive.events) == 1402


def test_events_are_shown_as_aws_shows_them():
    drive = Drive(machine(A={"Type": "Fail", "Error": "E", "Cause": "C"}))
    assert drive.history()[-1] == {
        "timestamp": 1000.0,
        "type": "ExecutionFailed",
        "id": 3,
        "previousEventId": 2,
        "executionFailedEventDetails": {"error": "E", "cause": "C"},
    }
    assert json.dumps(drive.history())


LOOP = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}}


def test_a_history_of_25000_events_ends_the_execution():
    """AWS: at 24,999 events the next one is the last; if it is no end, the execution fails."""
    drive = Drive(LOOP)
    last = drive.history()[-1]
    assert (last["id"], last["type"], len(drive.history())) == (25_000, "ExecutionFailed", 25_000)
    assert last["executionFailedEventDetails"]["cause"].endswith("maximum number of history events (25000).")
    assert described(drive.refold()) == described(drive.x)


@pytest.mark.parametrize(("states", "status"), [(12_499, "SUCCEEDED"), (12_500, "FAILED")])
def test_the_25000th_event_may_be_the_end(states, status):
    names = [f"S{n}" for n in range(states)]
    chain = {name: {"Type": "Pass", "Next": after} for name, after in pairwise(names)}
    drive = Drive({"StartAt": "S0", "States": chain | {names[-1]: {"Type": "Pass", "End": True}}})
    assert (drive.x.status, drive.x.id) == (status, 25_000)


def test_calls_are_let_go_when_the_history_is_full():
    drive = Drive(machine(P={"Type": "Parallel", "End": True, "Branches": [machine(T=task()), LOOP]}))
    assert drive.x.status == "FAILED"
    assert drive.calls == []
