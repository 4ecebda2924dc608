"""Lots last as long as they should, whatever a row costs."""

import random
from itertools import pairwise

import pytest

from stepwell.etl.pace import Pace


def simulate(cost: list[float], deadline: float = 300, size: int = 1000) -> list[float]:
    """The seconds that each lot takes; `cost` are the seconds of a row, tenth by tenth of a million rows."""
    pace, done, times = Pace(deadline, size), 0, []
    while done < 1_000_000:
        rows = min(pace.size, 1_000_000 - done)
        seconds = rows * cost[done * len(cost) // 1_000_000]
        pace.ran(rows, seconds)
        times.append(seconds)
        done += rows
    return times


def test_a_lot_takes_a_fifth_of_the_time_and_a_minute_at_most() -> None:
    assert Pace(10, 1).target == 2
    assert Pace(900, 1).target == 60


def test_the_size_doubles_at_most_until_lots_last_as_long_as_wanted() -> None:
    times = simulate([0.001] * 10)
    assert all(after <= 2.01 * before for before, after in pairwise(times))
    assert max(times) == pytest.approx(60, rel=0.01)


def test_a_slow_part_is_met_by_one_long_lot_and_then_by_short_ones() -> None:
    times = simulate([0.001] * 5 + [0.01] * 5)
    assert sum(seconds > 120 for seconds in times) <= 1


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
    assert pace.size == 30_000
    assert pace.expected(500) == pytest.approx(0.5)
    assert pace.fitting(2.0) == 2000


def test_drift_keeps_lots_within_twice_the_time() -> None:
    chance = random.Random(7)
    cost = [0.0005 * (1 + tenth / 50) * chance.uniform(0.8, 1.25) for tenth in range(100)]
    assert max(simulate(cost)) < 120
