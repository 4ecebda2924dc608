"""How long a task may take."""

import signal
import threading
import time

import pytest

from stepwell.errors import DeadlineExceeded
from stepwell.pipeline.deadline import Deadline, margin


@pytest.mark.parametrize(("available", "kept"), [(900, 45), (60, 3), (30, 2), (4, 2), (3, 1.5), (0.2, 0.1)])
def test_the_margin_is_5_percent_at_least_2_seconds_and_never_more_than_half(available: float, kept: float) -> None:
    assert margin(available) == pytest.approx(kept)


def test_the_shorter_of_the_timeout_and_what_the_function_has_left_counts() -> None:
    assert Deadline("t", 900, None).seconds == 855
    assert Deadline("t", 900, 100.0).seconds == 95
    assert Deadline("t", 60, 900.0).seconds == 57


def test_a_task_that_takes_too_long_is_ended() -> None:
    with pytest.raises(DeadlineExceeded, match=r"task 't' did not finish in 0\.02 s"), Deadline("t", 0.04, None):
        time.sleep(30)


def test_a_task_that_swallows_the_alarm_hears_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepwell.pipeline.deadline._AGAIN", 0.02)
    heard: list[DeadlineExceeded] = []
    with Deadline("t", 0.02, None):
        while len(heard) < 3:
            try:
                time.sleep(30)
            except DeadlineExceeded as error:
                heard.append(error)
    assert len(heard) == 3


def test_afterwards_the_alarm_is_off_and_as_it_was() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with Deadline("t", 60, None) as deadline:
        assert 0 < deadline.remaining() <= 57
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 57
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    assert signal.getsignal(signal.SIGALRM) is before


def test_outside_the_main_thread_the_deadline_is_known_but_has_no_alarm() -> None:
    seen: list[float] = []

    def work() -> None:
        with Deadline("t", 60, None) as deadline:
            seen.append(deadline.remaining())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen
    assert seen[0] <= 57
