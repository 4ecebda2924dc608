"""What a task leaves behind when it is done."""

import datetime
from typing import Any

import pytest

from stepwell.errors import ConfigurationError, ReceiptTooLarge
from stepwell.pipeline.context import TaskContext
from stepwell.pipeline.receipt import Meter

CONTEXT = TaskContext("visits", "task_01", "run-1", attempt=3)


def test_a_receipt_says_what_was_done_for_whom_and_what_it_took() -> None:
    receipt = Meter().receipt(CONTEXT, {"rows": 7, "result": {"rows": 7, "day": "2026-01-01"}})
    used, seconds = receipt.pop("used"), receipt.pop("seconds")
    assert receipt == {
        "task": "task_01",
        "run": "run-1",
        "status": "done",
        "rows": 7,
        "attempt": 3,
        "result": {"rows": 7, "day": "2026-01-01"},
    }
    assert used["ms"] >= 0
    assert used["mb"] >= 5
    assert seconds >= 0


def test_a_receipt_above_32_kb_is_refused() -> None:
    Meter().receipt(CONTEXT, {"rows": 0, "result": {"text": "x" * 32_000 + "\\u0000"}})
    with pytest.raises(ReceiptTooLarge, match=r"the receipt of task 'task_01' has \d+ bytes, more than 32768"):
        Meter().receipt(CONTEXT, {"rows": 0, "result": {"text": "ü" * 16_384}})


@pytest.mark.parametrize("value", [datetime.date(2026, 1, 1), {1}, b"x", float("nan"), "\ud800", "a\\\0"])
def test_a_result_that_is_not_json_is_refused(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="task 'task_01' returned what JSON cannot hold"):
        Meter().receipt(CONTEXT, {"rows": 0, "result": {"x": value}})
