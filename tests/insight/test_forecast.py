import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from stepwell.insight.forecast import (
    GROWS,
    OVER,
    ROWS,
    SECONDS,
    STEADY,
    TOO_LITTLE,
    Cut,
    Observation,
    cut,
    forecast,
    observed,
)
from stepwell.insight.story import story
from tests.insight.test_usage import CHUNKED, WHOLE

Build = Callable[[list[tuple[Any, ...]]], list[dict[str, Any]]]
MONDAY = date(2026, 3, 2)


def nights(number: int, seconds: Callable[[int], float], rows: Callable[[int], int] | None = None) -> list[Observation]:
    rng = random.Random(number)
    return [
        Observation(MONDAY + timedelta(night), seconds(night) * rng.uniform(0.96, 1.04), rows and rows(night))
        for night in range(number)
    ]


def test_growth_is_told_with_the_day_of_twelve_minutes_and_its_interval() -> None:
    time, rows = forecast("task_02", nights(40, lambda night: 300 + 5 * night)).outlooks
    assert (time.measure, time.state, time.limit) == (SECONDS, GROWS, 720)
    assert time.reached is not None
    assert time.earliest is not None
    assert time.latest is not None
    assert time.earliest <= MONDAY + timedelta(84) <= time.latest
    assert time.growth == pytest.approx(35, abs=3)
    assert (rows.measure, rows.state) == (ROWS, TOO_LITTLE)


def test_what_is_steady_and_what_is_far_away_is_not_due() -> None:
    assert not forecast("t", nights(40, lambda night: 300)).is_due
    slow = forecast("t", nights(60, lambda night: 100 + 0.5 * night))
    assert (slow.outlooks[0].state, slow.outlooks[0].reached) == (GROWS, None)
    assert not slow.is_due


def test_fifty_thousand_rows_are_a_limit_of_their_own() -> None:
    _, rows = forecast("t", nights(30, lambda night: 60, lambda night: 30_000 + 300 * night)).outlooks
    assert rows.state == GROWS
    assert rows.reached is not None
    over = forecast("t", nights(30, lambda night: 60, lambda night: 60_000 + night))
    assert over.outlooks[1].state == OVER
    assert over.is_due


def test_a_timeout_in_a_recent_run_is_due_and_an_old_one_is_forgotten() -> None:
    calm = nights(40, lambda night: 300)
    late = Observation(MONDAY + timedelta(40), None, None, timeouts=1)
    assert forecast("t", [*calm, late]).timeouts == 1
    assert forecast("t", [*calm, late]).is_due
    assert not forecast("t", [late, *calm]).is_due


def test_a_task_in_chunks_has_its_deadline_for_a_limit_and_no_rows() -> None:
    (time,) = forecast("t", nights(20, lambda night: 3000), deadline=21_600).outlooks
    assert (time.limit, time.state) == (17_280, STEADY)


def test_a_run_is_observed_by_its_last_attempt_its_rows_and_its_retries(history: Build) -> None:
    whole = observed(story(history(WHOLE)))["task_01"]
    assert whole == Observation(date(2026, 3, 1), 1.0, 7, 0, 1)
    chunked = observed(story(history(CHUNKED)))["task_02"]
    assert (chunked.seconds, chunked.rows, chunked.timeouts) == (25.0, 900, 0)


def test_a_timeout_is_seen_under_each_of_its_names(history: Build) -> None:
    lines = [*WHOLE]
    lines[5] = ("LambdaFunctionTimedOut", 5, {})
    assert observed(story(history(lines)))["task_01"].timeouts == 1
    lines[5] = ("LambdaFunctionFailed", 5, {"error": "DeadlineExceeded"})
    assert observed(story(history(lines)))["task_01"].timeouts == 1


def test_chunks_are_cut_to_five_seconds_and_lanes_to_four_minutes() -> None:
    assert cut(2_000_000, 1000) == Cut(10_000, 5)
    assert cut(2_000_000, 300) == Cut(20_000, 2)
    assert cut(68_114, 0.2) == Cut(2_000, 2)
    assert cut(300, 0.2) == Cut(1_000, 1)
    assert cut(10_000_000, 900, most_lanes=3) == Cut(50_000, 3)
