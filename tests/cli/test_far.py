import io
import time
from pathlib import Path

import pytest

from benchmarks.many_runs import write_chunks
from stepwell.asl.payload import Payload
from stepwell.cli import far
from stepwell.cli.live import Live
from stepwell.cli.terminal import Terminal
from stepwell.engine.events import Event
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
    line = far.Far(terminal(), store, "shop", "sale")("sell", 200)
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
    assert "left" not in shown("sell", 200)
    write_chunks(tmp_path, "shop", "sale", "sell", 100, 60)
    assert "left" not in shown("sell", 200)  # it is not asked more than once a second
    now += 10
    assert "about 43.0 s left" in shown("sell", 200)
    assert "rows/s" in shown("sell", 200)


def test_a_line_is_never_longer_than_the_room_and_says_how_far_it_is_to_the_last(
    store: SqliteProgress, tmp_path: Path
) -> None:
    write_chunks(tmp_path, "shop", "sale", "sell", 100, 50)
    shown = far.Far(terminal(), store, "shop", "sale")
    lines = {room: shown("sell", room) for room in range(1, 100)}
    assert all(len(line) <= room for room, line in lines.items())
    assert all(line == "" or " 47 %"[:room] in line for room, line in lines.items())
    assert "▕" in lines[99]
    assert lines[20] == " 47 %"


def test_a_run_in_a_narrow_terminal_draws_no_line_that_wraps(
    store: SqliteProgress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What wraps is two lines for the terminal and one for the eraser, so that it would be left behind each time."""
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("NO_COLOR", raising=False)
    write_chunks(tmp_path, "shop", "sale", "sell", 100, 50)
    paper = terminal()
    paper.live = True
    live = Live(paper, len("sell"), far.Far(paper, store, "shop", "sale"))
    asked = Payload({"action": "sell", "phase": "lane"})
    live._see(Event(1, 0, 0, 0, "LambdaFunctionScheduled", 0, None, asked, None))
    live.tick()
    paper.stream.seek(0)
    (line,) = paper.stream.read().splitlines()
    assert "sell" in line
    assert 30 < len(line) < 60


def test_a_task_of_which_nothing_is_known_has_no_line(store: SqliteProgress) -> None:
    assert far.Far(terminal(), store, "shop", "sale")("sell", 200) == ""
