import pytest

from stepwell.progress.pace import pace
from tests.progress.samples import NOW, chunk, plan


def test_speed_and_time_left_are_those_of_all_lanes_together() -> None:
    """Two lanes, 100 rows and 50 ms a chunk: 25 ms a chunk, 4,000 rows a second."""
    chunks = [chunk(number, lane=number % 2) for number in range(40)]
    now = pace(plan(100), chunks, NOW + 9)
    assert now.rate == pytest.approx(4000)
    assert now.left == pytest.approx(60 * 0.025)
    assert (now.seconds, now.fraction) == (9, 0.4)


def test_only_what_is_recent_counts_for_them() -> None:
    slow = [chunk(number, lane=0, ms=10_000, at=NOW + 1) for number in range(500)]
    fast = [chunk(number, lane=0, ms=10, at=NOW + 2) for number in range(500, 600)]
    assert pace(plan(700), slow + fast, NOW + 3).left == pytest.approx(1.0)


def test_a_pause_before_a_resume_does_not_disturb_them() -> None:
    before = [chunk(number, lane=0, at=NOW + 1) for number in range(10)]
    after = [chunk(number, lane=0, at=NOW + 90_000) for number in range(10, 20)]
    assert pace(plan(40), before + after, NOW + 90_001).left == pytest.approx(20 * 0.05)


@pytest.mark.parametrize("chunks", [[], [chunk(0, ms=0)], [chunk(0, state="failed")]])
def test_where_nothing_can_be_told_nothing_is_told(chunks: list[object]) -> None:
    now = pace(plan(), chunks, NOW + 3)  # type: ignore[arg-type]
    assert (now.rate, now.left) == (None, None)


def test_when_it_is_over_the_speed_is_that_of_the_whole_and_nothing_is_left() -> None:
    chunks = [chunk(number, at=NOW + 4) for number in range(10)]
    ended = pace(plan(state="done"), chunks, NOW + 1000)
    assert (ended.over, ended.seconds, ended.rate, ended.left) == (True, 4, 250, None)


def test_all_chunks_done_is_over_even_if_nobody_said_so() -> None:
    assert pace(plan(2), [chunk(0), chunk(1)], NOW).over
    assert not pace(plan(2), [chunk(0), chunk(1, state="failed")], NOW).over


def test_a_task_without_chunks_is_whole() -> None:
    assert pace(plan(0, state="done"), [], NOW).fraction == 1


def test_each_lane_is_summed_up() -> None:
    lanes = pace(plan(), [chunk(0, lane=1), chunk(1, lane=0), chunk(2, lane=1, state="failed")], NOW).lanes
    assert [(lane.lane, lane.done, lane.failed, lane.rows) for lane in lanes] == [(0, 1, 0, 100), (1, 1, 1, 100)]
    assert lanes[0].rate == pytest.approx(2000)


def test_the_slowest_five_and_all_that_failed_are_picked_out() -> None:
    chunks = [chunk(number, ms=number * 10) for number in range(20)] + [chunk(20, state="failed", ms=10_000)]
    now = pace(plan(), chunks, NOW)
    assert [state.chunk for state in now.slowest] == [19, 18, 17, 16, 15]
    assert [state.chunk for state in now.failed] == [20]
