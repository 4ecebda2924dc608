"""Forget runs that ended long ago: their histories, their logs and their progress. What is under way always stays.

Data and receipts in your database are not touched: a run that is forgotten here is still never loaded twice.

examples:
  stepwell prune --older-than 30d --dry-run       what would go
  stepwell prune --older-than 30d                 all that ended more than 30 days ago
  stepwell prune --keep 100                       all but the newest 100 that have ended, of each pipeline
  stepwell prune --older-than 7d --keep 10 --status succeeded
"""

import json
import re
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from stepwell.errors import JournalError, UsageError

if TYPE_CHECKING:
    from stepwell.cli.local import Reader
    from stepwell.journal.prune import Ended

STATUSES = ("succeeded", "failed", "timed_out", "aborted")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--older-than", metavar="AGE", help="those that ended longer ago: 90s, 45m, 12h, 30d, 8w")
    parser.add_argument("--keep", type=int, metavar="N", help="not the newest N that have ended, of each pipeline")
    parser.add_argument("--status", choices=STATUSES, action="append", default=[], help="only these; may be repeated")
    parser.add_argument("--pipeline", metavar="NAME", help="only runs of this pipeline")
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")
    parser.add_argument("--no-vacuum", action="store_true", help="leave the journal's file as large as it is")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def main(options: Namespace) -> int:
    from stepwell.cli.runs_of import reader

    if options.older_than is None and options.keep is None:
        raise UsageError("say what may go: --older-than AGE, --keep N, or both")
    if options.keep is not None and options.keep < 0:
        raise UsageError("--keep must be 0 or more")
    before = None if options.older_than is None else int((time.time() - seconds(options.older_than)) * 1000)
    with reader() as found:
        told = _prune(found, options, before)
    _tell(told, options)
    return 0


def seconds(age: str) -> int:
    """`30d` → 2,592,000. Raises UsageError."""
    match = re.fullmatch(r"(\d+)([smhdw])", age)
    if match is None:
        raise UsageError(f"--older-than {age!r} is no age; it is a number and one of s, m, h, d, w: 30d")
    return int(match[1]) * _SECONDS[match[2]]


def _prune(found: "Reader", options: Namespace, before: int | None) -> dict[str, int]:
    from stepwell.api.arns import machine_arn
    from stepwell.journal.owners import forget_notes

    pruner, machine = found.journal.pruner, options.pipeline and machine_arn(options.pipeline)
    ended = pruner.ended(machine, before, options.keep or 0, [status.upper() for status in options.status])
    file = found.folder / "journal.db"
    size = file.stat().st_size
    told = {"executions": len(ended), "logs": 0, "bytes": 0}
    if options.dry_run or not ended:
        return told
    forget_notes(found.folder)
    logs = pruner.forget([each.id for each in ended])
    told["logs"] = _remove(found.folder / "logs", logs)
    _forget_progress(found, ended)
    if not options.no_vacuum:
        with suppress(JournalError):  # somebody reads it all the time: the space is used again, if not given back
            pruner.shrink()
        told["bytes"] = max(0, size - file.stat().st_size)
    return told


def _remove(logs: Path, streams: Iterable[str]) -> int:
    """A process that is warm sees that its log has gone, and is not used again."""
    count = 0
    for stream in streams:
        file = logs / stream
        if file.is_file():
            file.unlink()
            count += 1
            for folder in (file.parent, file.parent.parent):
                if folder != logs and not any(folder.iterdir()):
                    folder.rmdir()
    return count


def _forget_progress(found: "Reader", ended: "list[Ended]") -> None:
    """The progress of runs of which no execution is left."""
    from stepwell.progress.sqlite import SqliteProgress

    progress = found.progress()
    if not isinstance(progress, SqliteProgress):
        return  # DynamoDB's items end by themselves
    runs = {(each.machine.rpartition(":")[2], _run(each.arn, each.input)) for each in ended}
    left = {(summary.pipeline, summary.run) for summary in progress.summaries()} & runs
    for pipeline, run in left - _still_there(found, {pipeline for pipeline, _ in left}):
        progress.forget(pipeline, run)
    progress.close()


def _still_there(found: "Reader", pipelines: set[str]) -> set[tuple[str, str]]:
    from stepwell.api.arns import machine_arn

    rows = [(name, row) for name in pipelines for row in found.journal.executions(machine_arn(name), limit=-1)]
    return {(name, _run(row.arn, row.input)) for name, row in rows}


def _run(arn: str, text: str) -> str:
    """What stays the same over retries and resume: the run that the input names, else the execution's own name."""
    try:
        run = json.loads(text)["stepwell"]["run"]
    except (ValueError, KeyError, TypeError):
        run = None
    return run if isinstance(run, str) else arn.rpartition(":")[2]


def _tell(told: dict[str, int], options: Namespace) -> None:
    if options.json:
        print(json.dumps(told | {"dry_run": options.dry_run}))
        return
    if not told["executions"]:
        print("nothing to forget: no run that has ended matches")
    elif options.dry_run:
        print(f"would forget {_runs(told['executions'])}; without --dry-run they go")
    else:
        freed = f"; {told['bytes'] / 1e6:.1f} MB freed" if told["bytes"] else ""
        print(f"{_runs(told['executions'])} and {told['logs']:,} log file(s) forgotten{freed}")


def _runs(number: int) -> str:
    return f"{number:,} run{'' if number == 1 else 's'}"
