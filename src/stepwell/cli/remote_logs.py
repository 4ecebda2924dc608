"""What the tasks of a run have printed on AWS: its invocations are found in the function's log by the line that the
handler prints first, and cut out of their streams."""

import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from typing import Any, NamedTuple

from stepwell.aws.session import Client
from stepwell.cli import side
from stepwell.cli.remote import PAUSE
from stepwell.cli.select import chosen
from stepwell.cli.terminal import Terminal
from stepwell.errors import UsageError
from stepwell.operate.paging import items

MARK = "STEPWELL "
_LATER = 900_000  # milliseconds that an invocation may go on after its run has ended
_AROUND = ("START RequestId", "REPORT RequestId", "INIT_START")


class Call(NamedTuple):
    """One invocation: when it began, what it was asked for, in which attempt, and what it has printed."""

    at: int
    task: str
    attempt: int
    lines: list[str]


def logs(options: Namespace) -> int:
    terminal = Terminal(sys.stdout)
    with side.on_aws(options) as there:
        execution = chosen(there.client, options.run)
        printed: dict[tuple[str, int], int] = {}
        while True:
            under_way = options.follow and there.status_of(execution) == "RUNNING"
            calls = list(_calls(there, execution))
            for call in calls:
                if options.task in (None, call.task) and options.attempt in (None, call.attempt):
                    _print(terminal, call, printed)
            if not under_way:
                break
            time.sleep(PAUSE)
            execution = there.client.describe_execution(executionArn=execution["executionArn"])
    if not printed and (options.task or options.attempt):
        tasks = ", ".join(dict.fromkeys(call.task for call in calls)) or "nothing yet"
        raise UsageError(f"the run has no such log; it has called: {tasks}")
    return 0


def _print(terminal: Terminal, call: Call, printed: dict[tuple[str, int], int]) -> None:
    key = (call.task, call.at)
    begun = key in printed
    new = call.lines[printed.get(key, 0) :]
    printed[key] = len(call.lines)
    if not begun:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(call.at / 1000))
        terminal.line(terminal.bold(f"── {call.task}, attempt {call.attempt}, {when}"))
    for line in new:
        terminal.line(line)


def _calls(there: side.OnAws, execution: dict[str, Any]) -> Iterator[Call]:
    client = there.machine.session.client("logs")
    group = there.machine.log_group
    since = int(execution["startDate"].timestamp() * 1000) - 1000
    until = int(execution["stopDate"].timestamp() * 1000) + _LATER if "stopDate" in execution else None
    window = {"startTime": since} | ({} if until is None else {"endTime": until})
    mark = f"{MARK}{execution['executionArn']} "
    marked = items(client.filter_log_events, "events", logGroupName=group, filterPattern=f'"{mark.strip()}"', **window)
    streams = sorted({event["logStreamName"] for event in marked})
    found = [call for stream in streams for call in _cut(client, group, stream, mark, window)]
    yield from sorted(found, key=lambda call: call.at)


def _cut(client: Client, group: str, stream: str, mark: str, window: dict[str, int]) -> Iterator[Call]:
    """The invocations of this run among those of one stream, which has one after the other."""
    call: Call | None = None
    for event in items(client.filter_log_events, "events", logGroupName=group, logStreamNames=[stream], **window):
        for line in event["message"].splitlines():
            if line.startswith(mark):
                task, _, number = line.removeprefix(mark).rpartition(" retry ")
                call = Call(event["timestamp"], task, int(number or 0) + 1, [])
            elif line.startswith("END RequestId") and call is not None:
                yield call
                call = None
            elif call is not None and not line.startswith(_AROUND):
                call.lines.append(line)
    if call is not None:
        yield call
