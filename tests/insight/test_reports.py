from collections.abc import Callable
from datetime import timedelta
from typing import Any

from stepwell.insight.reports import Report, matched, read
from stepwell.insight.story import story
from stepwell.insight.usage import REPORT, Call
from tests.insight.conftest import BEGIN
from tests.insight.test_usage import WHOLE

Build = Callable[[list[tuple[Any, ...]]], list[dict[str, Any]]]
LINE = (
    "REPORT RequestId: 3f5-8a\tDuration: 812.31 ms\tBilled Duration: 813 ms\tMemory Size: 1024 MB\t"
    "Max Memory Used: 91 MB\tInit Duration: 301.22 ms\t\n"
)


def at(seconds: float) -> Any:
    return BEGIN + timedelta(seconds=seconds)


def test_a_report_tells_what_is_billed_and_the_memory_that_was_used() -> None:
    assert read(LINE, BEGIN) == Report(BEGIN, 813, 91)
    assert read("START RequestId: 3f5-8a Version: $LATEST", BEGIN) is None


def test_a_report_belongs_to_the_attempt_that_ended_when_it_was_written(history: Build) -> None:
    """The attempts end 5 and 7 seconds after the beginning, and each took one."""
    told = story(history(WHOLE))
    lines = [Report(at(7.02), 990, 64), Report(at(5.01), 970, 63), Report(at(6), 20, 9)]
    assert matched(told, lines) == {5: Call(970, 63, REPORT), 7: Call(990, 64, REPORT)}


def test_a_report_of_another_run_is_not_taken(history: Build) -> None:
    told = story(history(WHOLE))
    assert matched(told, [Report(at(60), 900, 64), Report(at(5), 30_000, 64)]) == {}
