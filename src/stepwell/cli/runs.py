"""List runs, the newest first.

A run that is `interrupted` was under way when its process died: `stepwell resume` goes on with it.

examples:
  stepwell runs                      the newest 20
  stepwell runs --status failed      those that failed
  stepwell runs --limit 0 --json     all of them, for programs
  stepwell runs --on aws             those of the deployed state machine
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from stepwell.cli import side
from stepwell.errors import UsageError

if TYPE_CHECKING:
    from stepwell.cli.side import Side

STATUSES = ("running", "succeeded", "failed", "timed_out", "aborted", "interrupted")
PAGE = 100  # the last events of a run, which tell where it is or how it ended


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--pipeline", metavar="NAME", help="only runs of this pipeline")
    parser.add_argument("--status", choices=STATUSES, type=str.lower, help="only runs that are in this status")
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="at most N runs (default: 20; 0: all)")
    parser.add_argument("--json", action="store_true", help="print a JSON list")
    side.arguments(parser)


def main(options: Namespace) -> int:
    from stepwell.cli.runs_of import NO_RUNS

    if options.limit < 0:
        raise UsageError("--limit must be 0 (all) or more")
    found = _found(options)
    if options.json:
        import json

        print(json.dumps(found, indent=2))
    elif found:
        _print(found)
    elif options.pipeline or options.status:
        print("no run matches; `stepwell runs` lists them all")
    else:
        print(NO_RUNS)
    return 0


def _found(options: Namespace) -> list[dict[str, Any]]:
    from stepwell.cli.runs_of import has_runs

    if options.on == side.LOCAL:
        side.refuse_for_local(options)
        if not has_runs():
            return []
    with side.opened(options) as source:
        return list(islice(_matching(source, options), options.limit or None))


def _matching(source: "Side", options: Namespace) -> Iterator[dict[str, Any]]:
    wanted = (options.status or "").upper()
    on_aws = {"INTERRUPTED": "RUNNING"}.get(wanted, wanted)
    for execution in _executions(source.client, on_aws):
        if options.pipeline in (None, _pipeline(execution)):
            told = _told(source, execution)
            if wanted in ("", told["status"]):
                yield told


def _pipeline(execution: dict[str, Any]) -> str:
    from stepwell.cli.runs_of import pipeline_of

    return pipeline_of(execution)


def _executions(client: Any, status: str) -> Iterator[dict[str, Any]]:
    from stepwell.operate.paging import items

    request: dict[str, Any] = {"statusFilter": status} if status else {}
    return items(client.list_executions, "executions", **request)


def _told(source: "Side", execution: dict[str, Any]) -> dict[str, Any]:
    """One run as `--json` prints it; `task` is the one that failed, else the last one begun."""
    from stepwell.insight.story import story

    arn, started, ended = execution["executionArn"], execution["startDate"], execution.get("stopDate")
    page = source.client.get_execution_history(executionArn=arn, reverseOrder=True, maxResults=PAGE)
    told = story(reversed(page["events"]))
    task = told.failed or told.last_task
    return {
        "name": execution["name"],
        "pipeline": _pipeline(execution),
        "status": source.status_of(execution),
        "started": started.isoformat(),
        "ended": ended and ended.isoformat(),
        "seconds": ended and (ended - started).total_seconds(),
        "task": task and task.label,
        "error": told.failed and told.error,
        "executionArn": arn,
    }


def _print(found: list[dict[str, Any]]) -> None:
    from stepwell.cli.runs_of import COLOURS, words
    from stepwell.cli.terminal import Terminal, table

    terminal = Terminal(sys.stdout)
    rows = [[run["name"], run["pipeline"], words(run["status"]), *_times(run), run["task"] or ""] for run in found]
    head, *lines = table(("RUN", "PIPELINE", "STATUS", "STARTED", "TOOK", "TASK"), rows, right=(4,))
    at = head.index("STATUS")
    terminal.line(terminal.bold(head))
    for run, line in zip(found, lines, strict=True):
        end = at + len(words(run["status"]))
        terminal.line(line[:at] + terminal.paint(line[at:end], COLOURS[run["status"]]) + line[end:])


def _times(run: dict[str, Any]) -> tuple[str, str]:
    """When it started, by this machine's clock, and how long it took or has taken until now."""
    from datetime import UTC, datetime

    from stepwell.cli.terminal import duration

    started = datetime.fromisoformat(run["started"])
    seconds = run["seconds"]
    if seconds is None and run["status"] == "RUNNING":
        seconds = max(0.0, (datetime.now(UTC) - started).total_seconds())
    return f"{started.astimezone():%Y-%m-%d %H:%M:%S}", "" if seconds is None else duration(seconds)
