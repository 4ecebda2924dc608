"""Show how far the tasks of a run are that work in chunks: bar, speed, time left, lanes, what was slow, what failed.

Looks where the functions of this folder write their progress, or where STEPWELL_PROGRESS says; with `--on aws` where
the deployed function writes it.

examples:
  stepwell progress                  the newest run
  stepwell progress --follow         drawn anew twice a second, until the run is over
  stepwell progress --on aws --follow     a run on AWS
"""

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

from stepwell.cli import side
from stepwell.cli.named import run_argument
from stepwell.errors import UsageError

if TYPE_CHECKING:
    from stepwell.cli.bars import Screen
    from stepwell.cli.terminal import Terminal
    from stepwell.progress import Progress
    from stepwell.progress.pace import Pace

FRAME = 0.5  # seconds between two pictures


class Watched(NamedTuple):
    """A run; its status as Step Functions knows it, None where only the progress of it is known."""

    run: str
    pipeline: str
    status: Callable[[], str | None]


def arguments(parser: ArgumentParser) -> None:
    run_argument(parser)
    parser.add_argument("--follow", action="store_true", help="go on until the run is over; exit code 1 if it failed")
    parser.add_argument("--json", action="store_true", help="print JSON; with --follow a line for each change")
    side.arguments(parser)


def main(options: Namespace) -> int:
    from stepwell.cli.terminal import Terminal

    with ExitStack() as stack:
        progress, watched = _found(options, stack)
        if options.follow:
            return _follow(Terminal(sys.stdout), progress, watched, options.json)
        status, tasks = _look(progress, watched)
    if options.json:
        _print_json(watched, status, tasks, indent=2)
    else:
        _print(Terminal(sys.stdout), watched, status, tasks)
    return 0


# Which run


def _found(options: Namespace, stack: ExitStack) -> "tuple[Progress, Watched]":
    if options.on == side.LOCAL:
        side.refuse_for_local(options)
        return _found_here(options.run, stack)
    source = stack.enter_context(side.on_aws(options))
    progress = source.progress()
    stack.callback(progress.close)
    return progress, _in_history(source, options.run, source.machine.pipeline)


def _found_here(given: str | None, stack: ExitStack) -> "tuple[Progress, Watched]":
    """By the journal of this folder; where there is none, or STEPWELL_PROGRESS is set, by the progress itself."""
    import os

    from stepwell.cli.local import home, progress_url
    from stepwell.cli.runs_of import reader_here
    from stepwell.progress import VARIABLE, open_progress

    progress = open_progress(progress_url(home()))
    stack.callback(progress.close)
    reader = None if os.environ.get(VARIABLE) else reader_here()
    if reader is None:
        return progress, _in_progress(progress, given)
    stack.enter_context(reader)
    try:
        return progress, _in_history(reader, given)
    except UsageError:
        if given is None or not _names(progress, given):
            raise
        return progress, _in_progress(progress, given)  # a bare invocation has no execution


def _in_history(source: "side.Side", given: str | None, pipeline: str | None = None) -> Watched:
    from stepwell.cli.runs_of import pipeline_of
    from stepwell.cli.select import chosen
    from stepwell.operate.runs import run_of

    execution = chosen(source.client, given)
    arn = execution["executionArn"]
    name = pipeline or pipeline_of(execution).partition("-only-")[0]
    return Watched(
        run_of(execution), name, lambda: source.status_of(source.client.describe_execution(executionArn=arn))
    )


def _names(progress: "Progress", given: str | None) -> list[tuple[str, str]]:
    """(run, pipeline) of the runs that are meant, the newest first."""
    found = dict.fromkeys((s.run, s.pipeline) for s in progress.summaries())
    exact = [name for name in found if name[0] == given]
    return exact or [name for name in found if given is None or name[0].startswith(given)]


def _in_progress(progress: "Progress", given: str | None) -> Watched:
    found = _names(progress, given)
    if not found:
        from stepwell.cli.runs_of import NO_RUNS

        raise UsageError(NO_RUNS if given is None else f"there is no progress of a run {given!r} here")
    if given is not None and len(found) > 1:
        names = ", ".join(f"{run} ({pipeline})" for run, pipeline in found[:10])
        raise UsageError(f"{given!r} can mean several runs: {names}")
    return Watched(*found[0], lambda: None)


# What is known of it


def _look(progress: "Progress", watched: Watched) -> "tuple[str | None, list[Pace]]":
    """The status is asked first: what a run has written when it is over is then all there."""
    from stepwell.progress.pace import pace

    status = watched.status()
    plans = sorted(progress.summaries(watched.pipeline, watched.run), key=lambda plan: plan.started_at)
    now = time.time()
    return status, [pace(plan, progress.chunks(plan.pipeline, plan.run, plan.task), now) for plan in plans]


def _is_over(status: str | None, tasks: "list[Pace]") -> bool:
    return status != "RUNNING" if status is not None else all(task.over for task in tasks)


def _succeeded(status: str | None, tasks: "list[Pace]") -> bool:
    return status == "SUCCEEDED" if status is not None else not any(task.summary.state == "failed" for task in tasks)


def _follow(terminal: "Terminal", progress: "Progress", watched: Watched, as_json: bool) -> int:
    from stepwell.cli.bars import Screen

    with Screen(terminal) as screen:
        last = None
        for status, tasks in _pictures(progress, watched):
            told = (status, [task.summary for task in tasks])
            if as_json and told != last:
                _print_json(watched, status, tasks, indent=None)
            elif not as_json:
                _show(screen, watched, status, tasks, changed=told != last)
            last = told
    return 0 if _succeeded(status, tasks) else 1


def _pictures(progress: "Progress", watched: Watched) -> "Iterator[tuple[str | None, list[Pace]]]":
    while True:
        status, tasks = _look(progress, watched)
        yield status, tasks
        if _is_over(status, tasks):
            return
        time.sleep(FRAME)


# How it is shown


def _show(screen: "Screen", watched: Watched, status: str | None, tasks: "list[Pace]", changed: bool) -> None:
    """A terminal gets one picture that changes; anything else a line for each change, and the picture in the end."""
    from stepwell.cli import bars

    over = _is_over(status, tasks)
    if screen.terminal.live:
        screen.draw(_lines(screen.terminal, watched, status, tasks), last=over)
    elif over:
        _print(screen.terminal, watched, status, tasks)
    elif changed:
        for task in tasks:
            screen.terminal.line(bars.brief(task))


def _print(terminal: "Terminal", watched: Watched, status: str | None, tasks: "list[Pace]") -> None:
    for line in _lines(terminal, watched, status, tasks):
        terminal.line(line)


def _lines(terminal: "Terminal", watched: Watched, status: str | None, tasks: "list[Pace]") -> list[str]:
    from stepwell.cli import bars
    from stepwell.cli.runs_of import COLOURS, words

    said = terminal.paint(words(status), COLOURS[status]) if status else ""
    head = f"{watched.pipeline}  {terminal.bold(watched.run)}  {said}".rstrip()
    moving = not _is_over(status, tasks)
    lines = [head]
    for task in tasks:
        lines += ["", *bars.lines(terminal, task, moving, details=not (moving and task.over))]
    if not tasks:
        lines += ["", "no task of it works in chunks" if not moving else "no task in chunks has begun yet"]
    if status == "INTERRUPTED":
        lines += ["", "Its process has died. Go on where it was: " + terminal.bold(f"stepwell resume {watched.run}")]
    return lines


def _print_json(watched: Watched, status: str | None, tasks: "list[Pace]", indent: int | None) -> None:
    import json

    told = {
        "run": watched.run,
        "pipeline": watched.pipeline,
        "status": status,
        "tasks": [_told(task) for task in tasks],
    }
    print(json.dumps(told, indent=indent, ensure_ascii=False), flush=True)


def _told(task: "Pace") -> dict[str, Any]:
    """The stable shape of a task in `--json`; times in seconds, moments in UTC."""
    summary = task.summary
    return {
        "task": summary.task,
        "state": summary.state,
        "chunks": summary.chunks,
        "done": summary.done,
        "failed": summary.failed,
        "rows": summary.rows,
        "rows_planned": summary.rows_planned,
        "planned_lanes": summary.lanes,
        "started": _moment(summary.started_at),
        "updated": _moment(summary.updated_at),
        "seconds": round(task.seconds, 3),
        "rows_per_second": task.rate and round(task.rate, 1),
        "seconds_left": task.left and round(task.left, 1),
        "lanes": [lane._asdict() | {"seconds": round(lane.seconds, 3)} for lane in task.lanes],
        "slowest": [_chunk(chunk) for chunk in task.slowest],
        "failed_chunks": [_chunk(chunk) for chunk in task.failed],
    }


def _chunk(chunk: Any) -> dict[str, Any]:
    told: dict[str, Any] = chunk._asdict()
    finished = told.pop("finished_at")
    for name in ("run", "pipeline", "task"):
        del told[name]
    return told | {"finished": finished and _moment(finished)}


def _moment(seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
