"""Map runs in their parent's history, and when a run may go on or must give up."""

import json
from typing import Any

import pytest

from stepwell.asl.payload import Payload
from stepwell.engine.advance import map_ended, pending
from stepwell.engine.changes import Reply
from stepwell.engine.frames import MAPPING
from stepwell.engine.mapruns import AT_ONCE, Tally, child_of, machine_within
from tests.engine.drive import Drive, machine, task

INNER = {
    "StartAt": "P",
    "States": {"P": {"Type": "Pass", "End": True}},
    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
}


def mapped(**fields: Any) -> dict[str, Any]:
    return {"Type": "Map", "ItemProcessor": INNER, **({} if "Next" in fields else {"End": True}), **fields}


def test_a_run_points_back_and_its_state_is_left_from_where_it_ended() -> None:
    drive = Drive(machine(M=mapped(Label="L")), [1])
    drive.end_run([1])
    assert drive.pointers()[2:] == [
        (3, 2, "MapStateStarted"),
        (4, 3, "MapRunStarted"),
        (5, 4, "MapRunSucceeded"),
        (6, 5, "MapStateSucceeded"),
        (7, 5, "MapStateExited"),
        (8, 7, "ExecutionSucceeded"),
    ]


def test_a_run_that_fails_may_be_retried_and_each_try_is_a_run_of_its_own() -> None:
    retry = [{"ErrorEquals": ["E"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    drive = Drive(machine(M=mapped(Retry=retry)), [1])
    drive.end_run(error="E")
    drive.until_due()
    drive.end_run(error="E")
    assert drive.types()[2:] == [
        *["MapStateStarted", "MapRunStarted", "MapRunFailed"] * 2,
        "MapStateFailed",
        "ExecutionFailed",
    ]
    arns = [
        event["mapRunStartedEventDetails"]["mapRunArn"] for event in drive.history() if "mapRunStarted" in str(event)
    ]
    assert len(set(arns)) == 2
    assert len({arn.rpartition(":")[0] for arn in arns}) == 1


def test_a_fold_finds_the_run_where_it_is() -> None:
    drive = Drive(machine(M=mapped()), [1])
    found = drive.refold()
    assert found.root.run == drive.x.root.run
    assert [frame.phase for frame in pending(found)[1]] == [MAPPING]
    drive.end_run(error="E")
    drive.redrive()
    assert drive.refold().root.run == drive.x.root.run
    assert drive.x.root.run is not None
    assert drive.x.root.run.redrives == 1


def test_what_nobody_waits_for_changes_nothing() -> None:
    drive = Drive(machine(M=mapped()), [1])
    before = len(drive.events)
    assert map_ended(drive.x, drive.now, Reply(99, 0, Payload.of([]))).events == []
    drive.stop()
    run = drive.x.root.run
    assert run is not None
    assert map_ended(drive.x, drive.now, Reply(run.id, 0, Payload.of([]))).events == []
    assert drive.types()[before:] == ["ExecutionAborted"]


def test_a_run_ends_with_the_parallel_around_it() -> None:
    parallel = {
        "Type": "Parallel",
        "Branches": [machine(T=task()), machine(M=mapped())],
        "End": True,
    }
    drive = Drive(machine(Both=parallel), [1])
    drive.answer(error="E")
    assert drive.types()[-6:] == [
        "LambdaFunctionFailed",
        "TaskStateAborted",
        "MapRunAborted",
        "MapStateAborted",
        "ParallelStateFailed",
        "ExecutionFailed",
    ]


def test_a_run_without_a_threshold_ends_with_the_first_failure() -> None:
    tally = Tally(0, 0, 0.0)
    tally.total, tally.live = 10, {1: 1, 2: 1}
    tally.ended(1, "ABORTED")
    assert not tally.exceeded
    tally.ended(2, "TIMED_OUT")
    assert tally.exceeded


@pytest.mark.parametrize(("count", "percentage", "most"), [(2, 0.0, 2), (0, 30.0, 3), (5, 10.0, 1), (1, 90.0, 1)])
def test_a_threshold_is_what_is_tolerated_and_the_lower_one_counts(count: int, percentage: float, most: int) -> None:
    tally = Tally(0, count, percentage)
    tally.total = 10
    tally.failed = most
    assert not tally.exceeded
    tally.failed = most + 1
    assert tally.exceeded


def test_only_so_many_children_run_at_once() -> None:
    tally = Tally(2, 0, 0.0)
    assert tally.room == 2
    tally.live = {1: 1}
    assert tally.room == 1
    assert Tally(0, 0, 0.0).room == Tally(10 * AT_ONCE, 0, 0.0).room == AT_ONCE


def test_a_childs_name_follows_from_its_run_and_its_place() -> None:
    run = "arn:aws:states:us-east-1:123456789012:mapRun:m/L:0a1b"
    assert child_of(run, 3, False) == child_of(run, 3, False) != child_of(run, 4, False)
    assert child_of(run, 3, True).startswith("arn:aws:states:us-east-1:123456789012:express:m/L:")
    assert child_of(run, 3, True).count(":") == 8


def test_a_childs_machine_is_found_however_deep_it_is() -> None:
    inner = json.loads(json.dumps(mapped()).replace('"P"', '"Q"'))
    outer = {"Type": "Parallel", "Branches": [machine(A={"Type": "Pass", "End": True}), machine(D=inner)], "End": True}
    drive = Drive(machine(P=outer), [1])
    found = machine_within(drive.machine, "D")
    assert found is not None
    assert found.start_at == "Q"
    assert machine_within(drive.machine, "none") is None
