"""Show what the tasks of a run have printed, one invocation after the other.

examples:
  stepwell logs                               everything of the newest run
  stepwell logs --task task_02 --attempt 1    one attempt of one task
  stepwell logs --follow                      go on until the run has ended
"""

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from stepwell.cli import side
from stepwell.cli.named import run_argument
from stepwell.errors import UsageError

if TYPE_CHECKING:
    from stepwell.cli.local import Reader
    from stepwell.cli.streams import Cut
    from stepwell.cli.terminal import Terminal
    from stepwell.insight.visit import Attempt, Visit
    from stepwell.journal.journal import InvocationRow

PAUSE = 0.1  # seconds between two looks at a run that is under way


def arguments(parser: ArgumentParser) -> None:
    run_argument(parser)
    parser.add_argument("--task", metavar="NAME", help="only this task, such as task_02 (or its state, ExecuteTask02)")
    parser.add_argument("--attempt", type=int, metavar="N", help="only the N-th attempt, counted from 1")
    parser.add_argument("--follow", "-f", action="store_true", help="print what is new until the run has ended")
    side.arguments(parser)


def main(options: Namespace) -> int:
    if options.on == side.AWS:
        from stepwell.cli.remote_logs import logs as logs_on_aws

        return logs_on_aws(options)
    side.refuse_for_local(options)
    from stepwell.cli.runs_of import reader
    from stepwell.cli.select import chosen
    from stepwell.cli.terminal import Terminal

    with reader() as source:
        execution = chosen(source.client, options.run)
        logs = _Logs(source, execution["executionArn"], options, Terminal(sys.stdout))
        while True:
            under_way = options.follow and logs.under_way()
            logs.print_new(whole=not under_way)
            if not under_way:
                break
            time.sleep(PAUSE)
        if logs.printed or logs.silent:
            return 0
        raise UsageError(logs.none())


class _Logs:
    """The logs of one run, and how far they have been printed."""

    def __init__(self, source: "Reader", arn: str, options: Namespace, terminal: "Terminal") -> None:
        self._source = source
        self._arn = arn
        self._options = options
        self._terminal = terminal
        self._cuts: dict[int, Cut] = {}  # by the event that announced the invocation
        self._last = 0  # the invocation that was printed last
        self._tasks: list[str] = []
        self.printed = 0

    @property
    def silent(self) -> bool:
        """Nothing was asked for by name, so that nothing is what there is."""
        return self._options.task is None and self._options.attempt is None

    def under_way(self) -> bool:
        return self._source.status_of(self._source.client.describe_execution(executionArn=self._arn)) == "RUNNING"

    def print_new(self, whole: bool) -> None:
        from stepwell.cli.streams import Cut

        calls = {row.call: row for row in self._invocations() if row.log}
        if all(call in self._cuts and self._cuts[call].ended for call in calls) and not whole:
            return
        for visit, attempt in self._attempts():
            row = calls.get(attempt.event)
            if row is None:
                continue
            cut = self._cuts.get(row.call)
            if cut is None:
                cut = self._cuts[row.call] = Cut(self._source.folder / "logs" / row.log, row.request)
                self._print_header(visit, attempt, row)
            self._print_lines(visit, attempt, row, cut.lines(whole))

    def _print_lines(self, visit: "Visit", attempt: "Attempt", row: "InvocationRow", lines: list[str]) -> None:
        if lines and self._last != row.call:  # tasks that run in parallel take turns
            self._print_header(visit, attempt, row)
        for line in lines:
            self._terminal.line(line)

    def _print_header(self, visit: "Visit", attempt: "Attempt", row: "InvocationRow") -> None:
        from stepwell.cli.terminal import duration

        title = visit.label if visit.index is None else f"{visit.label} #{visit.index}"
        parts = [title, f"attempt {attempt.number}", f"{attempt.scheduled.astimezone():%Y-%m-%d %H:%M:%S}"]
        parts += [] if row.ms is None else [duration(row.ms / 1000)]
        parts += [] if row.mb is None else [f"{row.mb} MB"]
        if attempt.outcome not in ("RUNNING", "SUCCEEDED"):
            parts.append(attempt.error or attempt.outcome.lower())
        self._terminal.line(self._terminal.bold(f"── {', '.join(parts)}"))
        self._last = row.call
        self.printed += 1

    def _attempts(self) -> Iterator[tuple["Visit", "Attempt"]]:
        """Those that are asked for, in the order in which they were begun."""
        from stepwell.cli.runs_of import all_events
        from stepwell.insight.story import story

        told = story(all_events(self._source.client, self._arn))
        self._tasks = list(dict.fromkeys(visit.label for visit in told.visits if visit.attempts))
        found = [(visit, attempt) for visit in told.visits for attempt in visit.attempts if self._wants(visit, attempt)]
        yield from sorted(found, key=lambda each: each[1].event)

    def _wants(self, visit: "Visit", attempt: "Attempt") -> bool:
        task, number = self._options.task, self._options.attempt
        return task in (None, visit.task, visit.name) and number in (None, attempt.number)

    def _invocations(self) -> list["InvocationRow"]:
        row = self._source.journal.execution(self._arn)
        return [] if row is None else self._source.journal.invocations(row.id)

    def none(self) -> str:
        wanted: list[Any] = [self._options.task and f"task {self._options.task}"]
        wanted.append(self._options.attempt and f"attempt {self._options.attempt}")
        what = ", ".join(filter(None, wanted))
        return f"the run has no log of {what}; it has called: {', '.join(self._tasks) or 'nothing yet'}"
