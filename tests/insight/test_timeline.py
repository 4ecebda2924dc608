from collections.abc import Callable
from typing import Any

from stepwell.insight.story import story
from stepwell.insight.timeline import WAITING, timeline

Build = Callable[[list[tuple[Any, ...]]], list[dict[str, Any]]]
RETRIED = [
    ("ExecutionStarted", 0, {"input": "{}"}),
    ("TaskStateEntered", 0, {"name": "A"}),
    ("LambdaFunctionScheduled", 2, {"input": '{"action": "a"}'}),
    ("LambdaFunctionFailed", 3, {"error": "Busy"}),
    ("LambdaFunctionScheduled", 4, {"input": '{"action": "a"}'}),
    ("LambdaFunctionSucceeded", 5, {"output": "{}"}),
    ("TaskStateExited", 6, {"name": "A"}),
    ("ChoiceStateEntered", 7, {"name": "C"}),
    ("ChoiceStateExited", 8, {"name": "C"}),
]


def test_each_attempt_is_a_bar_and_so_is_the_wait_between_two(history: Build) -> None:
    told = timeline(story(history(RETRIED)))
    assert told is not None
    (row,) = told.rows  # a Choice takes no time that one could see
    assert (row.label, row.state, row.visit) == ("a", "A", 2)
    assert [bar.status for bar in row.bars] == ["FAILED", WAITING, "SUCCEEDED"]
    assert row.bars[0].told == "attempt 1: Busy"


def test_what_is_under_way_has_no_end(history: Build) -> None:
    told = timeline(story(history(RETRIED[:3])))
    assert told is not None
    assert told.end is None
    assert told.rows[0].bars[-1].end is None


def test_of_very_many_rows_those_that_went_wrong_are_kept(history: Build) -> None:
    events: list[tuple[Any, ...]] = [("ExecutionStarted", 0, {"input": "{}"})]
    for number in range(30):
        at = len(events)
        events.append(("WaitStateEntered", at, {"name": f"W{number}"}))
        events.append(("WaitStateExited", at + 1, {"name": f"W{number}"}))
    events.append(("WaitStateEntered", len(events), {"name": "Last"}))
    told = timeline(story(history(events)), most=10)
    assert told is not None
    assert len(told.rows) == 10
    assert told.rows[-1].label == "Last"
    assert told.left_out == 21


def test_before_anything_has_begun_there_is_none(history: Build) -> None:
    assert timeline(story([])) is None
