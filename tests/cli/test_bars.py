import io

import pytest

from stepwell.cli.bars import bar, brief, lines
from stepwell.cli.terminal import Terminal
from stepwell.progress.pace import pace
from tests.progress.samples import NOW, chunk, plan


def plain(encoding: str = "utf-8") -> Terminal:
    return Terminal(io.TextIOWrapper(io.BytesIO(), encoding=encoding))


@pytest.mark.parametrize(
    ("fraction", "drawn"),
    [
        (0, "▕    ▏"),
        (1 / 32, "▕▏   ▏"),
        (0.25, "▕█   ▏"),
        (0.4, "▕█▌  ▏"),
        (0.999, "▕███▉▏"),
        (1, "▕████▏"),
    ],
)
def test_a_bar_is_drawn_to_an_eighth_of_a_cell_and_full_only_at_the_end(fraction: float, drawn: str) -> None:
    assert bar(fraction, 4, unicode=True) == drawn


def test_where_there_is_no_unicode_the_bar_is_drawn_with_signs() -> None:
    assert bar(0.55, 10, unicode=False) == "[#####.....]"
    picture = "\n".join(lines(plain("ascii"), pace(plan(), [chunk(0)], NOW + 2), moving=True))
    assert picture.isascii()


PICTURE = """\
  task_02  ▕██▋                                     ▏  6.6 %  4/60 chunks, 1 failed
           4,000,000 rows   100,000,000 rows/s   2.0 s so far   about 560 ms left

  LANE  CHUNKS  FAILED       ROWS      ROWS/S
     0       3       0  3,000,000  54,545,455
     1       1       1  1,000,000  11,111,111

  SLOWEST CHUNK  LANE   TOOK       ROWS
              3     1  40 ms  1,000,000
              2     0  30 ms  1,000,000
              1     0  20 ms  1,000,000
              0     0   5 ms  1,000,000

  failed: chunk 4, lane 1, 2 attempts: DataError: task_02.sql:12: no"""


def test_a_picture_has_bar_figures_lanes_the_slowest_and_what_failed() -> None:
    times = (5, 20, 30, 40)
    chunks = [chunk(n, rows=1_000_000, ms=ms, lane=n // 3) for n, ms in enumerate(times)]
    chunks.append(chunk(4, state="failed", lane=1, ms=50, attempts=2, error="DataError: task_02.sql:12: no\nDETAIL: x"))
    now = pace(plan(60), chunks, NOW + 2)
    assert now.rate == pytest.approx(4_000_000 / (0.095 / 2))
    picture = lines(plain(), now._replace(rate=1e8, left=0.56), moving=True)
    assert "\n".join(picture) == PICTURE


def test_a_hundred_per_cent_is_when_all_is_done() -> None:
    almost = pace(plan(100_000), [chunk(number) for number in range(99_999)], NOW + 2)
    assert "99.9 %" in brief(almost)


def test_what_is_over_says_how_long_it_took_and_what_it_came_to() -> None:
    done = brief(pace(plan(2, state="done"), [chunk(0, at=NOW + 4), chunk(1, at=NOW + 3)], NOW + 99))
    assert done == "task_02  100.0 %   2/2 chunks   200 rows   50 rows/s   done in 4.0 s"
    failed = brief(pace(plan(2, state="failed"), [chunk(0), chunk(1, state="failed", at=NOW + 3)], NOW + 99))
    assert failed.endswith("1/2 chunks   1 failed   100 rows   33 rows/s   failed in 3.0 s")


def test_before_the_first_chunk_the_time_left_is_unknown() -> None:
    assert brief(pace(plan(), [], NOW + 2)).endswith("0/10 chunks   0 rows   2.0 s so far   time left unknown")


def test_of_many_failed_chunks_some_are_shown_and_the_others_counted() -> None:
    now = pace(plan(2000), [chunk(number, state="failed") for number in range(1012)], NOW + 2)
    picture = lines(plain(), now, moving=True)
    assert sum("failed: chunk" in line for line in picture) == 10
    assert picture[-1] == "  and 1,002 more: --json has them all"
