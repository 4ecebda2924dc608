"""Lots are as large as makes a row cheapest, and last no longer than they should, whatever a row costs."""

import random
from collections.abc import Callable
from itertools import pairwise

import pytest

from stepwell.etl.pace import Pace

Cost = Callable[[int, int], float]  # of a lot: its first row's place, how many rows; seconds


def simulate(cost: Cost, deadline: float = 300, size: int = 1000, total: int = 1_000_000) -> list[tuple[int, float]]:
    """Rows and seconds of each lot."""
    pace, done, lots = Pace(deadline, size), 0, []
    while done < total:
        rows = min(pace.size, total - done)
        lots.append((rows, cost(done, rows)))
        pace.ran(*lots[-1])
        done += rows
    return lots


def test_a_lot_takes_a_fifth_of_the_time_and_a_minute_at_most() -> None:
    assert Pace(10, 1).target == 2
    assert Pace(900, 1).target == 60


def test_lots_that_share_a_cost_grow_until_they_last_as_long_as_they_may() -> None:
    lots = simulate(lambda _, rows: 30 + rows * 0.0001, total=5_000_000)
    assert all(after[0] <= 2 * before[0] for before, after in pairwise(lots))
    assert 30 < lots[-2][1] <= 61


def test_brief_lots_grow_to_a_tenth_of_a_second_and_no_further_if_that_is_no_gain() -> None:
    lots = simulate(lambda _, rows: rows * 0.0001)
    usual = sorted(seconds for _, seconds in lots)[len(lots) // 2]
    assert 0.05 < usual <= 0.1


def test_the_first_lot_which_finds_the_caches_empty_does_not_make_larger_ones_look_cheap() -> None:
    lots = simulate(lambda done, rows: rows * (0.0003 if done == 0 else 0.0001 if rows <= 1000 else 0.00015))
    assert sum(rows == 1000 for rows, _ in lots) > 0.97 * len(lots)


def test_what_trials_lose_is_a_hundredth_of_the_time() -> None:
    lots = simulate(lambda _, rows: rows * (0.0001 if rows <= 1000 else 0.0005), total=5_000_000)
    lost = sum(seconds - rows * 0.0001 for rows, seconds in lots)
    assert 0 < lost < 0.015 * sum(seconds for _, seconds in lots)


def test_lots_that_are_larger_than_is_good_are_halved_but_never_below_a_chunk() -> None:
    pace = Pace(300, 8000, tried=True, least=1500)
    for _ in range(200):
        pace.ran(pace.size, pace.size * 0.0001 * pace.size**0.5)
        assert pace.size >= 1500
    assert pace.base == 2000


def test_a_size_that_makes_rows_slower_is_left_again_and_seldom_tried() -> None:
    lots = simulate(lambda _, rows: rows * (0.0001 if rows <= 1000 else 0.0003))
    assert sum(rows == 1000 for rows, _ in lots) > 0.98 * len(lots)


def test_a_slow_part_is_met_by_one_long_lot_and_then_by_short_ones() -> None:
    lots = simulate(lambda done, rows: 30 + rows * (0.001 if done < 500_000 else 0.01))
    assert sum(seconds > 120 for _, seconds in lots) <= 1


def test_after_a_panic_the_next_lot_is_a_sixth() -> None:
    pace = Pace(300, 600)
    pace.ran(600, 181)
    assert pace.size == 100


def test_a_lot_is_given_up_after_five_times_its_time() -> None:
    pace = Pace(300, 600)
    assert pace.limit == 300
    pace.gave_up(600)
    assert pace.size == 100
    assert pace.expected(600) == 0


def test_it_begins_with_what_was_measured_before() -> None:
    pace = Pace(300, 10, rows=1000, took=1.0)
    assert pace.size == 10
    assert pace.expected(500) == pytest.approx(0.5)
    assert pace.fitting(2.0) == 2000


def test_a_lane_that_does_not_explore_keeps_to_what_it_is_told_within_the_time() -> None:
    pace = Pace(300, 100, explores=False)
    for _ in range(50):
        pace.ran(pace.size, pace.size * 0.001)
    assert pace.size == 100
    pace.base = 200_000
    assert pace.size == 60_000


def test_lanes_that_were_in_each_others_way_take_less_for_a_while() -> None:
    pace = Pace(300, 400, explores=False)
    pace.gave_way()
    assert pace.size == 200
    for _ in range(20):
        pace.ran(pace.size, 2.0)
    assert pace.size == 400


def test_drift_keeps_lots_within_twice_the_time() -> None:
    chance = random.Random(7)
    cost = [0.0005 * (1 + tenth / 50) * chance.uniform(0.8, 1.25) for tenth in range(100)]
    assert max(seconds for _, seconds in simulate(lambda done, rows: 5 + rows * cost[done // 10_000])) < 120
