import io
import time
from pathlib import Path

import pytest

from benchmarks.many_runs import write_chunks
from stepwell.cli import far
from stepwell.cli.terminal import Terminal
from stepwell.progress.sqlite import SqliteProgress


@pytest.fixture
def store(tmp_path: Path):
    made = SqliteProgress(str(tmp_path / "progress.db"))
    yield made
    made.close()


def terminal() -> Terminal:
    return Terminal(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))


def test_a_task_in_chunks_is_shown_with_a_bar_its_chunks_rows_and_lanes(store: SqliteProgress, tmp_path: Path) -> None:
    write_chunks(tmp_path, "shop", "sale", "sell", 100, 50)
    line = far.Far(terminal(), store, "shop", "sale")("sell")
    assert line.startswith("▕███████████")
    assert " 47 %   47 of 100 chunks, 3 failed   " in line
    assert line.endswith(" rows   5 lanes")


def test_speed_and_time_left_follow_from_two_looks(
    store: SqliteProgress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()
    monkeypatch.setattr(far.time, "monotonic", lambda: now)
    shown = far.Far(terminal(), store, "shop", "sale")
    write_chunks(tmp_path, "shop", "sale", "sell", 100, 50)
    assert "left" not in shown("sell")
    write_chunks(tmp_path, "shop", "sale", "sell", 100, 60)
    assert "left" not in shown("sell")  # it is not asked more than once a second
    now += 10
    assert "about 43.0 s left" in shown("sell")
    assert "rows/s" in shown("sell")


def test_a_task_of_which_nothing_is_known_has_no_line(store: SqliteProgress) -> None:
    assert far.Far(terminal(), store, "shop", "sale")("sell") == ""
