"""What the progress of a task in chunks looks like: a bar, its figures, its lanes, what was slow and what failed."""

import os
from collections.abc import Sequence

from stepwell.cli.terminal import Terminal, count, duration, table
from stepwell.progress.contract import ChunkState
from stepwell.progress.pace import Pace

_BLOCKS = " ▏▎▍▌▋▊▉█"  # eighths of a cell
_LINES = 24  # of a terminal that does not say
_SHOWN = 10  # failed chunks that are shown; all of them are in --json


class Screen:
    """A picture that takes the place of the one before, on a terminal."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self._drawn = 0

    def __enter__(self) -> "Screen":
        if self.terminal.live:
            self.terminal.stream.write("\033[?25l")  # no cursor
        return self

    def __exit__(self, *_: object) -> None:
        if self.terminal.live:
            self.terminal.stream.write("\033[?25h")
            self.terminal.stream.flush()

    def draw(self, lines: Sequence[str], last: bool) -> None:
        """In one write, so that it does not flicker. What the terminal has no room for is cut, but not in the end."""
        shown = lines if last else lines[: self._height() - 1]
        up = f"\033[{self._drawn}A" if self._drawn else ""
        body = "".join(f"{line}\033[K\n" for line in shown)
        self.terminal.stream.write(f"{up}\033[?7{'h' if last else 'l'}{body}\033[J\033[?7h")
        self.terminal.stream.flush()
        self._drawn = len(shown)

    def _height(self) -> int:
        try:
            return os.get_terminal_size(self.terminal.stream.fileno()).lines or _LINES
        except (OSError, ValueError):
            return _LINES


def lines(terminal: Terminal, task: Pace, moving: bool, details: bool = True) -> list[str]:
    """A task's picture. `moving`: its run is under way, so that it may have time left."""
    indent = "  "
    shown = [*_head(terminal, task, moving)]
    if task.lanes and details:
        shown += ["", *_lane_lines(terminal, task)]
    if task.slowest and details:
        shown += ["", *_slow_lines(terminal, task)]
    if task.failed:
        shown += ["", *_failed_lines(terminal, task)]
    return [f"{indent}{line}" if line else "" for line in shown]


def brief(task: Pace) -> str:
    """One line, for a log."""
    summary = task.summary
    parts = [f"{summary.task}  {_percent(task)}", f"{count(summary.done)}/{count(summary.chunks)} chunks"]
    if summary.failed:
        parts.append(f"{count(summary.failed)} failed")
    return "   ".join([*parts, *_figures(task, moving=True)])


def bar(fraction: float, width: int, unicode: bool) -> str:
    """`width` cells, of which the fraction is filled to an eighth of a cell; full only at 1."""
    if not unicode:
        full = int(fraction * width)
        return f"[{'#' * full}{'.' * (width - full)}]"
    full, eighth = divmod(int(fraction * width * 8), 8)
    part = _BLOCKS[eighth] if full < width else ""
    return f"▕{('█' * full + part).ljust(width)}▏"


def _head(terminal: Terminal, task: Pace, moving: bool) -> list[str]:
    summary = task.summary
    name = f"{terminal.bold(summary.task)}  "
    room = terminal.width() if terminal.live else 100
    width = max(10, min(40, room - len(summary.task) - 46))
    drawn = terminal.paint(bar(task.fraction, width, _unicode(terminal)), _colour(task, moving))
    told = f" {_percent(task):>6}  {count(summary.done)}/{count(summary.chunks)} chunks"
    failed = terminal.red(f", {count(summary.failed)} failed") if summary.failed else ""
    left = " " * (len(summary.task) + 2)
    return [f"{name}{drawn}{told}{failed}", left + "   ".join(_figures(task, moving))]


def _colour(task: Pace, moving: bool) -> str:
    if task.summary.state == "failed":
        return "red"
    if task.over:
        return "green"
    return "cyan" if moving else "yellow"


def _percent(task: Pace) -> str:
    """Rounded down: 100 % is when it is done."""
    return f"{int(task.fraction * 1000) / 10:.1f} %"


def _figures(task: Pace, moving: bool) -> list[str]:
    summary = task.summary
    parts = [f"{count(summary.rows)} {'row' if summary.rows == 1 else 'rows'}"]
    if task.rate is not None:
        parts.append(f"{_rate(task.rate)} rows/s")
    if task.over:
        parts.append(f"{summary.state if summary.state == 'failed' else 'done'} in {duration(task.seconds)}")
    elif moving:
        parts.append(f"{duration(task.seconds)} so far")
        parts.append("time left unknown" if task.left is None else f"about {duration(task.left)} left")
    return parts


def _rate(rate: float | None) -> str:
    return "" if rate is None else count(round(rate)) if rate >= 10 else f"{rate:.1f}"


def _lane_lines(terminal: Terminal, task: Pace) -> list[str]:
    rows = [
        [str(lane.lane), count(lane.done), count(lane.failed), count(lane.rows), _rate(lane.rate)]
        for lane in task.lanes
    ]
    head, *body = table(("LANE", "CHUNKS", "FAILED", "ROWS", "ROWS/S"), rows, right=(0, 1, 2, 3, 4))
    return [terminal.dim(head), *body]


def _slow_lines(terminal: Terminal, task: Pace) -> list[str]:
    rows = [
        [str(chunk.chunk), "" if chunk.lane is None else str(chunk.lane), duration(chunk.ms / 1000), count(chunk.rows)]
        for chunk in task.slowest
    ]
    head, *body = table(("SLOWEST CHUNK", "LANE", "TOOK", "ROWS"), rows, right=(0, 1, 2, 3))
    return [terminal.dim(head), *body]


def _failed_lines(terminal: Terminal, task: Pace) -> list[str]:
    shown = [terminal.red(f"failed: {_where(chunk)}") + _why(chunk) for chunk in task.failed[:_SHOWN]]
    more = len(task.failed) - _SHOWN
    return shown if more <= 0 else [*shown, f"and {count(more)} more: --json has them all"]


def _where(chunk: ChunkState) -> str:
    lane = "" if chunk.lane is None else f", lane {chunk.lane}"
    attempts = f", {chunk.attempts} attempts" if chunk.attempts > 1 else ""
    return f"chunk {chunk.chunk}{lane}{attempts}"


def _why(chunk: ChunkState) -> str:
    """The first line of its error."""
    first = (chunk.error or "").strip().splitlines()
    return f": {first[0]}" if first else ""


def _unicode(terminal: Terminal) -> bool:
    return (terminal.stream.encoding or "").lower().startswith("utf")
