import json
from collections.abc import Callable
from typing import Any

from stepwell.insight.story import ABORTED, CAUGHT, FAILED, RUNNING, SUCCEEDED, TIMED_OUT, Story, story

Build = Callable[[list[tuple[Any, ...]]], list[dict[str, Any]]]

INPUT = {"input": "{}"}
CALL = {"resource": "arn:aws:lambda:us-east-1:123456789012:function:visits"}
RECEIPT = {"output": json.dumps({"task": "task_01", "rows": 7, "seconds": 0.5, "used": {"ms": 500, "mb": 40}})}
CAUSE = json.dumps({"errorMessage": "out of coffee", "errorType": "Empty", "stackTrace": []})


def call(action: str) -> dict[str, Any]:
    return CALL | {"input": json.dumps({"action": action, "timeout": 900})}


def entered(name: str) -> dict[str, Any]:
    return {"name": name, **INPUT}


def exited(name: str) -> dict[str, Any]:
    return {"name": name, "output": "{}"}


def told(read: Story) -> list[tuple[str, str]]:
    return [(visit.name, visit.status) for visit in read.visits]


RETRIED = [
    ("ExecutionStarted", 0, INPUT),
    ("TaskStateEntered", 0, entered("ExecuteTask01")),
    ("LambdaFunctionScheduled", 2, call("task_01")),
    ("LambdaFunctionStarted", 3),
    ("LambdaFunctionFailed", 4, {"error": "Empty", "cause": CAUSE}),
    ("LambdaFunctionScheduled", 5, call("task_01")),
    ("LambdaFunctionStarted", 6),
    ("LambdaFunctionSucceeded", 7, RECEIPT),
    ("TaskStateExited", 8, exited("ExecuteTask01")),
    ("ExecutionSucceeded", 9, {"output": "{}"}),
]


def test_each_attempt_has_its_times_outcome_and_error(history: Build) -> None:
    read = story(history(RETRIED))
    (visit,) = read.visits
    first, second = visit.attempts
    assert (first.number, first.event, first.outcome, first.error, first.seconds) == (1, 3, FAILED, "Empty", 2.0)
    assert first.message == "out of coffee"
    assert (second.number, second.event, second.outcome, second.error) == (2, 6, SUCCEEDED, None)
    assert (visit.retries, visit.status, visit.seconds) == (1, SUCCEEDED, 7.0)
    assert (read.status, read.seconds, read.failed) == (SUCCEEDED, 9.0, None)


def test_a_task_is_known_by_its_own_name_and_its_receipt(history: Build) -> None:
    (visit,) = story(history(RETRIED)).visits
    assert (visit.task, visit.label, visit.name, visit.rows) == ("task_01", "task_01", "ExecuteTask01", 7)
    assert visit.receipt is not None
    assert visit.receipt["used"] == {"ms": 500, "mb": 40}


def test_an_answer_that_lambda_invoke_wraps_is_a_receipt_too(history: Build) -> None:
    payload = {"action": "task_01"}
    (visit,) = story(
        history(
            [
                ("ExecutionStarted", 0, INPUT),
                ("TaskStateEntered", 0, entered("A")),
                ("TaskScheduled", 2, {"parameters": json.dumps({"FunctionName": "visits", "Payload": payload})}),
                ("TaskSucceeded", 3, {"output": json.dumps({"Payload": {"rows": 3}, "StatusCode": 200})}),
            ]
        )
    ).visits
    assert (visit.task, visit.rows) == ("task_01", 3)


def test_a_run_under_way_ends_where_its_history_ends(history: Build) -> None:
    read = story(history(RETRIED[:7]))
    assert (read.status, read.ended, read.seconds) == (RUNNING, None, None)
    assert read.current is read.visits[0]
    assert [attempt.outcome for attempt in read.visits[0].attempts] == [FAILED, RUNNING]


CAUGHT_BY_FAIL = [
    *RETRIED[:5],
    ("TaskStateExited", 5, exited("ExecuteTask01")),
    ("FailStateEntered", 6, entered("ExecuteTask01Failed")),
    ("ExecutionFailed", 7, {"error": "Empty", "cause": "task_01 failed."}),
]


def test_behind_a_fail_state_stands_the_task_that_failed(history: Build) -> None:
    """The Fail state only reports: what broke the run is the visit whose failure was caught."""
    read = story(history(CAUGHT_BY_FAIL))
    assert told(read) == [("ExecuteTask01", CAUGHT), ("ExecuteTask01Failed", FAILED)]
    assert read.failed is read.visits[0]
    assert (read.error, read.cause) == ("Empty", "task_01 failed.")


def test_a_fail_state_that_no_failure_led_to_is_what_failed(history: Build) -> None:
    read = story(
        history(
            [
                ("ExecutionStarted", 0, INPUT),
                ("ChoiceStateEntered", 0, entered("StartOrResume")),
                ("ChoiceStateExited", 2, exited("StartOrResume")),
                ("FailStateEntered", 3, entered("UnknownStartAt")),
                ("ExecutionFailed", 4, {"error": "UnknownStartAt", "cause": "it knows: task_01"}),
            ]
        )
    )
    assert read.failed is read.visits[1]
    assert read.failed.status == FAILED


def test_a_timeout_is_an_attempt_that_timed_out(history: Build) -> None:
    read = story(
        history([*RETRIED[:4], ("LambdaFunctionTimedOut", 4, {"error": "States.Timeout"}), ("ExecutionFailed", 5, {})])
    )
    assert read.visits[0].attempts[0].outcome == TIMED_OUT
    assert read.visits[0].status == FAILED


PARALLEL = [
    ("ExecutionStarted", 0, INPUT),
    ("ParallelStateEntered", 0, entered("Both")),
    ("ParallelStateStarted", 2),
    ("TaskStateEntered", 3, entered("A")),
    ("LambdaFunctionScheduled", 4, call("a")),
    ("TaskStateEntered", 3, entered("B")),
    ("LambdaFunctionScheduled", 6, call("b")),
    ("LambdaFunctionSucceeded", 5, RECEIPT),
    ("TaskStateExited", 8, exited("A")),
]


def test_events_of_branches_are_told_apart_by_what_they_point_back_at(history: Build) -> None:
    events = [
        *PARALLEL,
        ("LambdaFunctionSucceeded", 7, RECEIPT),
        ("TaskStateExited", 10, exited("B")),
        ("ParallelStateSucceeded", 11),
        ("ParallelStateExited", 12, exited("Both")),
        ("PassStateEntered", 13, entered("After")),
        ("PassStateExited", 14, exited("After")),
        ("ExecutionSucceeded", 15, {"output": "{}"}),
    ]
    read = story(history(events))
    both, a, b, after = read.visits
    assert told(read) == [(name, SUCCEEDED) for name in ("Both", "A", "B", "After")]
    assert (a.parent, b.parent, after.parent, b.depth) == (both, both, None, 1)
    assert (a.seconds, b.seconds, both.seconds) == (5.0, 5.0, 11.0)


def test_the_branch_that_broke_a_parallel_is_found_among_its_siblings(history: Build) -> None:
    events = [
        *PARALLEL[:7],
        ("LambdaFunctionFailed", 7, {"error": "Empty", "cause": CAUSE}),
        ("TaskStateExited", 8, exited("B")),
        ("FailStateEntered", 9, entered("BFailed")),
        ("TaskStateAborted", 5),
        ("ParallelStateFailed", 10),
        ("ExecutionFailed", 12, {"error": "Empty", "cause": "b failed."}),
    ]
    read = story(history(events))
    assert told(read) == [("Both", FAILED), ("A", ABORTED), ("B", CAUGHT), ("BFailed", FAILED)]
    assert read.failed is not None
    assert read.failed.name == "B"


def test_a_sibling_that_waited_for_its_retry_has_not_broken_the_run(history: Build) -> None:
    events = [
        *PARALLEL[:7],
        ("LambdaFunctionFailed", 5, {"error": "Throttled"}),
        ("LambdaFunctionFailed", 7, {"error": "Empty", "cause": CAUSE}),
        ("TaskStateAborted", 9),
        ("TaskStateAborted", 8),
        ("ParallelStateFailed", 9),
        ("ExecutionFailed", 12, {"error": "Empty", "cause": CAUSE}),
    ]
    failed = story(history(events)).failed
    assert failed is not None
    assert failed.name == "B"


MAP = [
    ("ExecutionStarted", 0, INPUT),
    ("MapStateEntered", 0, entered("Lanes")),
    ("MapStateStarted", 2, {"length": 2}),
    ("MapIterationStarted", 3, {"name": "Lanes", "index": 0}),
    ("PassStateEntered", 4, entered("Work")),
    ("PassStateExited", 5, exited("Work")),
    ("MapIterationSucceeded", 6, {"name": "Lanes", "index": 0}),
    ("MapIterationStarted", 6, {"name": "Lanes", "index": 1}),
    ("PassStateEntered", 8, entered("Work")),
    ("PassStateExited", 9, exited("Work")),
    ("MapIterationSucceeded", 10, {"name": "Lanes", "index": 1}),
    ("MapStateSucceeded", 11),
    ("MapStateExited", 11, exited("Lanes")),
    ("ExecutionSucceeded", 13, {"output": "{}"}),
]


def test_iterations_of_a_map_know_their_index(history: Build) -> None:
    """An iteration of a Map that runs one at a time points into the one before it, as on AWS."""
    read = story(history(MAP))
    assert [(visit.name, visit.index, visit.depth) for visit in read.visits] == [
        ("Lanes", None, 0),
        ("Work", 0, 1),
        ("Work", 1, 1),
    ]
    assert {visit.status for visit in read.visits} == {SUCCEEDED}


def test_a_map_that_is_tried_again_begins_its_children_anew(history: Build) -> None:
    events = [
        *MAP[:5],
        ("TaskStateAborted", 5),
        ("MapIterationFailed", 5, {"name": "Lanes", "index": 0}),
        ("MapStateStarted", 5, {"length": 2}),
        ("MapIterationStarted", 8, {"name": "Lanes", "index": 0}),
        ("PassStateEntered", 9, entered("Work")),
    ]
    read = story(history(events))
    lanes, first, second = read.visits
    assert (lanes.status, lanes.retries) == (RUNNING, 1)
    assert (first.status, second.status) == (ABORTED, RUNNING)
    assert second.parent is lanes


def test_a_stopped_run_names_the_task_that_was_under_way(history: Build) -> None:
    read = story(history([*RETRIED[:4], ("ExecutionAborted", 0, {"error": "Stopped", "cause": "by hand"})]))
    assert (read.status, told(read)) == (ABORTED, [("ExecuteTask01", ABORTED)])
    assert read.failed is read.visits[0]
    assert read.visits[0].attempts[0].outcome == ABORTED


def test_a_redriven_run_goes_on_in_the_visits_that_had_not_succeeded(history: Build) -> None:
    """Nothing points at the visit then: of two tasks begun anew, the action that is called tells which it is."""
    events = [
        *PARALLEL[:7],
        ("ExecutionAborted", 0, {}),
        ("ExecutionRedriven", 8, {"redriveCount": 1}),
        ("LambdaFunctionScheduled", 9, call("b")),
        ("LambdaFunctionScheduled", 9, call("a")),
        ("LambdaFunctionSucceeded", 10, RECEIPT),
        ("TaskStateExited", 12, exited("B")),
    ]
    read = story(history(events))
    assert (read.status, read.redrives, read.failed) == (RUNNING, 1, None)
    assert told(read) == [("Both", RUNNING), ("A", RUNNING), ("B", SUCCEEDED)]
    assert [len(visit.attempts) for visit in read.visits] == [0, 2, 2]


def test_a_map_run_that_is_redriven_goes_on_in_its_maps_visit(history: Build) -> None:
    events = [
        ("ExecutionStarted", 0, INPUT),
        ("MapStateEntered", 0, entered("Rows")),
        ("MapStateStarted", 2, {"length": 1}),
        ("MapRunStarted", 3, {"mapRunArn": "run"}),
        ("MapRunFailed", 4, {"error": "E", "cause": "why"}),
        ("MapStateFailed", 5),
        ("ExecutionFailed", 6, {"error": "E", "cause": "why"}),
        ("ExecutionRedriven", 7, {"redriveCount": 1}),
        ("MapRunRedriven", 8, {"mapRunArn": "run", "redriveCount": 1}),
        ("MapRunSucceeded", 9),
        ("MapStateSucceeded", 10),
        ("MapStateExited", 10, exited("Rows")),
        ("ExecutionSucceeded", 12, {"output": "[]"}),
    ]
    assert told(story(history(events[:7]))) == [("Rows", FAILED)]
    assert told(story(history(events))) == [("Rows", SUCCEEDED)]


def test_the_last_page_of_a_history_is_read_as_far_as_it_goes(history: Build) -> None:
    read = story(history(CAUGHT_BY_FAIL)[4:])
    assert (read.started, read.status) == (None, FAILED)
    assert told(read) == [("ExecuteTask01Failed", FAILED)]


def test_read_as_a_tree_each_branch_stands_together_below_its_parallel(history: Build) -> None:
    events = [
        *PARALLEL,
        ("PassStateEntered", 9, entered("A2")),
        ("PassStateExited", 10, exited("A2")),
        ("LambdaFunctionSucceeded", 7, RECEIPT),
        ("TaskStateExited", 12, exited("B")),
        ("ParallelStateExited", 13, exited("Both")),
        ("PassStateEntered", 14, entered("After")),
    ]
    assert [visit.name for visit in story(history(events)).tree()] == ["Both", "A", "A2", "B", "After"]


def part(phase: str, **more: int) -> dict[str, Any]:
    return CALL | {"input": json.dumps({"action": "task_02", "phase": phase, **more})}


def answer(**fields: Any) -> dict[str, Any]:
    return {"output": json.dumps({"task": "task_02", **fields})}


CHUNKED = [
    ("ExecutionStarted", 0, INPUT),
    ("ParallelStateEntered", 0, entered("ExecuteTask02")),
    ("ParallelStateStarted", 2),
    ("TaskStateEntered", 3, entered("PlanTask02")),
    ("LambdaFunctionScheduled", 4, part("plan")),
    ("LambdaFunctionSucceeded", 5, answer(number=1, chunks=30, rows=3000, lanes=[0, 1])),
    ("TaskStateExited", 6, exited("PlanTask02")),
    ("MapStateEntered", 7, entered("Task02Lanes")),
    ("MapStateStarted", 8),
    ("MapIterationStarted", 9, {"name": "Task02Lanes", "index": 0}),
    ("TaskStateEntered", 10, entered("RunTask02Lane")),
    ("LambdaFunctionScheduled", 11, part("lane", lane=0)),
    ("LambdaFunctionSucceeded", 12, answer(done=False, chunks=12)),
    ("TaskStateExited", 13, exited("RunTask02Lane")),
    ("ChoiceStateEntered", 14, entered("Task02LaneDone")),
    ("ChoiceStateExited", 15, exited("Task02LaneDone")),
    ("TaskStateEntered", 16, entered("RunTask02Lane")),
    ("LambdaFunctionScheduled", 17, part("lane", lane=0)),
]


def test_a_task_in_chunks_is_one_task_while_it_runs(history: Build) -> None:
    read = story(history(CHUNKED))
    (task,) = read.tasks
    assert (task.task, task.name, task.status, task.chunks, task.chunks_done) == (
        "task_02",
        "ExecuteTask02",
        RUNNING,
        30,
        12,
    )
    assert [visit.phase for visit in read.visits if visit.type == "Task"] == ["plan", "lane", "lane"]
    assert {visit.whole for visit in read.visits} == {task}


def test_a_task_in_chunks_has_the_receipt_of_its_reconciliation(history: Build) -> None:
    rest = [
        ("LambdaFunctionSucceeded", 18, answer(done=True, chunks=18)),
        ("TaskStateExited", 19, exited("RunTask02Lane")),
        ("MapIterationSucceeded", 20, {"name": "Task02Lanes", "index": 0}),
        ("MapStateSucceeded", 21),
        ("MapStateExited", 21, exited("Task02Lanes")),
        ("TaskStateEntered", 23, entered("ReconcileTask02")),
        ("LambdaFunctionScheduled", 24, part("reconcile")),
        ("LambdaFunctionSucceeded", 25, answer(status="done", rows=2999, chunks=30, lanes=2)),
        ("TaskStateExited", 26, exited("ReconcileTask02")),
        ("ParallelStateSucceeded", 27),
        ("ParallelStateExited", 27, exited("ExecuteTask02")),
        ("ExecutionSucceeded", 29, {"output": "{}"}),
    ]
    (task,) = story(history(CHUNKED + rest)).tasks
    assert (task.status, task.rows, task.chunks, task.chunks_done) == (SUCCEEDED, 2999, 30, 30)


def test_of_a_task_in_chunks_that_failed_the_part_that_broke_it_is_told(history: Build) -> None:
    rest = [
        ("LambdaFunctionFailed", 18, {"error": "DataError", "cause": CAUSE}),
        ("MapIterationFailed", 19, {"name": "Task02Lanes", "index": 0}),
        ("MapStateFailed", 20, {"error": "DataError", "cause": CAUSE}),
        ("ParallelStateFailed", 21, {"error": "DataError", "cause": CAUSE}),
        ("ParallelStateExited", 22, exited("ExecuteTask02")),
        ("FailStateEntered", 23, entered("ExecuteTask02DataFailed")),
        ("ExecutionFailed", 24, {"error": "DataError", "cause": CAUSE}),
    ]
    read = story(history(CHUNKED + rest))
    assert read.failed is not None
    assert (read.failed.label, read.failed.phase, read.failed.error) == ("task_02", "lane", "DataError")
    assert [task.status for task in read.tasks] == [CAUGHT]
