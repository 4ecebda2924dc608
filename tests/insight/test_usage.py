from collections.abc import Callable
from typing import Any

from stepwell.insight.story import story
from stepwell.insight.usage import EVENTS, MACHINE, RECEIPT, REPORT, Call, Given, given_of, of_story

Build = Callable[[list[tuple[Any, ...]]], list[dict[str, Any]]]

WHOLE: list[tuple[Any, ...]] = [
    ("ExecutionStarted", 0, {"input": "{}"}),
    ("ChoiceStateEntered", 0, {"name": "StartOrResume"}),
    ("ChoiceStateExited", 2, {"name": "StartOrResume"}),
    ("TaskStateEntered", 3, {"name": "ExecuteTask01"}),
    ("LambdaFunctionScheduled", 4, {"input": '{"action": "task_01"}'}),
    ("LambdaFunctionFailed", 5, {"error": "DeadlockDetected"}),
    ("LambdaFunctionScheduled", 6, {"input": '{"action": "task_01"}'}),
    ("LambdaFunctionSucceeded", 7, {"output": '{"rows": 7, "used": {"ms": 321, "mb": 64}}'}),
    ("TaskStateExited", 8, {"name": "ExecuteTask01"}),
    ("SucceedStateEntered", 9, {"name": "PipelineSuccess"}),
    ("SucceedStateExited", 10, {"name": "PipelineSuccess"}),
    ("ExecutionSucceeded", 11, {"output": "{}"}),
]


def test_every_state_that_is_entered_is_a_transition_and_every_retry_one_more(history: Build) -> None:
    task, machine = of_story(story(history(WHOLE)))
    assert (task.task, task.transitions, task.retries, task.rows) == ("task_01", 2, 1, 7)
    assert (machine.task, machine.transitions, machine.calls) == (MACHINE, 2, ())


def test_an_invocation_is_known_by_its_report_else_by_its_receipt_else_by_its_events(history: Build) -> None:
    told = story(history(WHOLE))
    assert of_story(told)[0].calls == (Call(1000, None, EVENTS), Call(321, 64, RECEIPT))
    reported = of_story(told, {5: Call(900, 61, REPORT)})
    assert reported[0].calls == (Call(900, 61, REPORT), Call(321, 64, RECEIPT))
    assert reported[0].ms == 1221
    assert reported[0].mb == 64


CHUNKED: list[tuple[Any, ...]] = [
    ("ExecutionStarted", 0, {"input": "{}"}),
    ("ParallelStateEntered", 0, {"name": "ExecuteTask02"}),
    ("ParallelStateStarted", 2),
    ("TaskStateEntered", 3, {"name": "PlanTask02"}),
    ("LambdaFunctionScheduled", 4, {"input": '{"action": "task_02", "phase": "plan"}'}),
    ("LambdaFunctionSucceeded", 5, {"output": '{"chunks": 12, "lanes": [0]}'}),
    ("TaskStateExited", 6, {"name": "PlanTask02"}),
    ("MapStateEntered", 7, {"name": "Task02Lanes"}),
    ("MapStateStarted", 8),
    ("MapIterationStarted", 9, {"name": "Task02Lanes", "index": 0}),
    ("TaskStateEntered", 10, {"name": "RunTask02Lane"}),
    ("LambdaFunctionScheduled", 11, {"input": '{"action": "task_02", "phase": "lane"}'}),
    ("LambdaFunctionSucceeded", 12, {"output": '{"done": true, "chunks": 12}'}),
    ("TaskStateExited", 13, {"name": "RunTask02Lane"}),
    ("ChoiceStateEntered", 14, {"name": "Task02LaneDone"}),
    ("ChoiceStateExited", 15, {"name": "Task02LaneDone"}),
    ("SucceedStateEntered", 16, {"name": "Task02LaneEnd"}),
    ("SucceedStateExited", 17, {"name": "Task02LaneEnd"}),
    ("MapIterationSucceeded", 18, {"name": "Task02Lanes", "index": 0}),
    ("MapStateSucceeded", 19),
    ("MapStateExited", 20, {"name": "Task02Lanes"}),
    ("TaskStateEntered", 21, {"name": "ReconcileTask02"}),
    ("LambdaFunctionScheduled", 22, {"input": '{"action": "task_02", "phase": "reconcile"}'}),
    ("LambdaFunctionSucceeded", 23, {"output": '{"rows": 900, "chunks": 12, "used": {"ms": 5, "mb": 50}}'}),
    ("TaskStateExited", 24, {"name": "ReconcileTask02"}),
    ("ParallelStateSucceeded", 25),
    ("ParallelStateExited", 26, {"name": "ExecuteTask02"}),
    ("ExecutionSucceeded", 27, {"output": "{}"}),
]


def test_what_belongs_to_a_task_in_chunks_is_counted_as_that_task(history: Build) -> None:
    told = story(history(CHUNKED))
    (task,) = of_story(told)
    assert (task.task, task.transitions, task.rows, task.chunks) == ("task_02", 7, 900, 12)
    assert len(task.calls) == 3
    assert task.writes == 12 + 4


def test_the_next_run_is_expected_to_take_what_this_one_took(history: Build) -> None:
    chunked, whole = story(history(CHUNKED)), story(history(WHOLE))
    lane, plan, reconcile = 3.0, 3.0, 3.0  # seconds from entering to leaving
    assert given_of(chunked, of_story(chunked)) == {"task_02": Given(lane, 900, None, 12, plan + reconcile)}
    assert given_of(whole, of_story(whole)) == {"task_01": Given(0.321, 7, 64)}
