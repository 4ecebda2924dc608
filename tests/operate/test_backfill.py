from datetime import date

import pytest

from stepwell.errors import UsageError
from stepwell.operate.backfill import MONTH, WEEK, Window, run_name, windows


def test_a_span_is_cut_into_days_weeks_or_months_and_ends_with_its_end() -> None:
    days = windows(date(2026, 2, 27), date(2026, 3, 2))
    assert [window.name for window in days] == ["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02"]
    weeks = windows(date(2026, 6, 1), date(2026, 6, 10), WEEK)
    assert weeks == [Window(date(2026, 6, 1), date(2026, 6, 7)), Window(date(2026, 6, 8), date(2026, 6, 10))]
    months = windows(date(2026, 1, 15), date(2026, 3, 31), MONTH)
    assert [str(window.last) for window in months] == ["2026-01-31", "2026-02-28", "2026-03-31"]


def test_the_input_is_filled_wherever_a_window_is_named() -> None:
    window = Window(date(2026, 6, 1), date(2026, 6, 7))
    given = {"as_of": "{window}", "range": ["{first}", "{last}"], "deep": {"note": "to {last}!"}, "days": 7}
    assert window.fill(given) == {
        "as_of": "2026-06-01",
        "range": ["2026-06-01", "2026-06-07"],
        "deep": {"note": "to 2026-06-07!"},
        "days": 7,
    }
    assert run_name("backfill", window) == "backfill-2026-06-01"


def test_a_span_that_ends_before_it_starts_or_never_ends_is_refused() -> None:
    with pytest.raises(UsageError, match="--end 2026-06-01 is before --start 2026-06-02"):
        windows(date(2026, 6, 2), date(2026, 6, 1))
    with pytest.raises(UsageError, match="more than a backfill may have"):
        windows(date(1900, 1, 1), date(2026, 1, 1))
