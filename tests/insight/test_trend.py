import random

import pytest

from benchmarks.forecast import FIRST, KINDS, LIMIT, judged
from stepwell.insight.trend import ENOUGH, student, trend


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "five runs only"])
def test_of_the_days_that_are_named_at_least_nine_in_ten_hold_the_truth(kind: str) -> None:
    """1,000 seeds in all; benchmarks/forecast.py does as many of each kind."""
    verdicts = judged(kind, range(200))
    assert sum(verdict.right for verdict in verdicts) >= 0.9 * len(verdicts)
    told = [verdict for verdict in verdicts if verdict.told]
    if kind in ("steady", "step"):
        assert len(told) <= 0.01 * len(verdicts)
    else:
        assert len(told) >= 0.7 * len(verdicts)
        assert sum(verdict.right for verdict in told) >= 0.9 * len(told)


def test_with_too_few_days_nothing_is_said_however_many_runs_there_were() -> None:
    assert not any(verdict.told for verdict in judged("five runs only", range(20)))
    assert trend([(FIRST + run % (ENOUGH - 1), float(run)) for run in range(500)]) is None
    assert trend([]) is None


def test_an_exact_line_is_read_exactly() -> None:
    line = trend([(FIRST + day, 100 + 5.0 * day) for day in range(20)])
    assert line is not None
    assert (line.slope, line.at(FIRST)) == pytest.approx((5, 100))
    found = line.crossing(LIMIT)
    assert found is not None
    assert found == pytest.approx((FIRST + 124,) * 3, abs=0.001)


def test_a_level_that_never_moves_is_no_trend() -> None:
    line = trend([(FIRST + day, 60.0) for day in range(20)])
    assert line is not None
    assert not line.grows
    assert line.crossing(LIMIT) is None
    assert not line.is_over(LIMIT)


def test_what_is_over_the_limit_reaches_it_no_more() -> None:
    rng = random.Random(1)
    line = trend([(FIRST + day, 700 + 5 * day + rng.gauss(0, 5)) for day in range(20)])
    assert line is not None
    assert line.is_over(LIMIT)
    assert line.crossing(LIMIT) is None


def test_a_step_is_found_on_its_day_and_growth_goes_on_from_there() -> None:
    rng = random.Random(1)
    line = trend([(FIRST + d, 100 + 2 * d + 150 * (d >= 30) + rng.gauss(0, 4)) for d in range(60)])
    assert line is not None
    assert line.since == FIRST + 30
    assert line.slope == pytest.approx(2, abs=0.3)
    assert line.at(FIRST + 59) == pytest.approx(368, abs=6)


def test_students_quantiles_are_those_of_the_tables() -> None:
    assert [round(student(0.95, n), 2) for n in (10, 30, 1000)] == [2.23, 2.04, 1.96]
