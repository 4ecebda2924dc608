"""What the tasks of a run have printed on AWS, one invocation after the other."""

import sys
import time
from argparse import Namespace
from typing import Any

from stepwell.cli import side
from stepwell.cli.function_log import LATER, PAUSE, Call, FunctionLog, call_of, milliseconds
from stepwell.cli.select import chosen
from stepwell.cli.terminal import Terminal
from stepwell.errors import StepwellError, UsageError
from stepwell.insight.visit import Visit


def logs(options: Namespace) -> int:
    with side.on_aws(options) as there:
        execution = chosen(there.client, options.run)
        log = opened(there, execution)
        printer = _Printer(options)
        while True:
            under_way = options.follow and there.status_of(execution) == "RUNNING"
            ended = execution.get("stopDate")
            calls = log.look(None if ended is None else milliseconds(ended) + LATER)
            printer.print_new(calls)
            if not under_way:
                break
            time.sleep(PAUSE)
            execution = there.client.describe_execution(executionArn=execution["executionArn"])
    if not printer.printed and (options.task or options.attempt):
        tasks = ", ".join(dict.fromkeys(call.task for call in calls)) or "nothing yet"
        raise UsageError(f"the run has no such log; it has called: {tasks}")
    return 0


def last_log(there: side.OnAws, execution: dict[str, Any], visit: Visit | None, patience: float = 0.0) -> list[str]:
    """What the last attempt of a visit has printed, as far as CloudWatch has it after so many seconds."""
    if visit is None or not visit.attempts:
        return []
    try:
        log = opened(there, execution)
        until = time.monotonic() + patience
        while True:
            call = call_of(log.look(), visit, visit.attempts[-1])
            if (call is not None and call.ended) or time.monotonic() >= until:
                return [] if call is None else call.lines
            time.sleep(PAUSE)
    except StepwellError:
        return []


def opened(there: side.OnAws, execution: dict[str, Any]) -> FunctionLog:
    client, group = there.machine.session.client("logs"), there.machine.log_group
    return FunctionLog(client, group, execution["executionArn"], milliseconds(execution["startDate"]))


class _Printer:
    def __init__(self, options: Namespace) -> None:
        self._options = options
        self._terminal = Terminal(sys.stdout)
        self._last: Call | None = None
        self.printed: dict[Call, int] = {}  # how many of its lines

    def print_new(self, calls: list[Call]) -> None:
        task, attempt = self._options.task, self._options.attempt
        for call in calls:
            if task in (None, call.task) and attempt in (None, call.attempt):
                self._print(call)

    def _print(self, call: Call) -> None:
        new = call.lines[self.printed.get(call, 0) :]
        if call not in self.printed or (new and self._last is not call):  # tasks that run in parallel take turns
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(call.at / 1000))
            self._terminal.line(self._terminal.bold(f"── {call.label}, attempt {call.attempt}, {when}"))
            self._last = call
        for line in new:
            self._terminal.line(line)
        self.printed[call] = len(call.lines)
