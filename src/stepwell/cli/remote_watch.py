"""Watching a run on AWS to its end: a line for each task, JSON for machines, or the summary alone.

Ctrl-C ends the watching only; a run that is watched from here is not this machine's to end.
"""

import json
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from typing import Any, Protocol

from stepwell.cli import side
from stepwell.cli.function_log import PATIENCE, PAUSE
from stepwell.cli.live import notes
from stepwell.cli.remote_logs import last_log
from stepwell.cli.runs_of import began, pipeline_of, words
from stepwell.cli.terminal import Terminal, duration
from stepwell.cli.watch import conclude, summary
from stepwell.insight.failure import Card, card
from stepwell.insight.story import SUCCEEDED, Story, story
from stepwell.operate.paging import items

_SIGNS = {"SUCCEEDED": ("✓", "green"), "RUNNING": ("…", "cyan")}


class View(Protocol):
    """How it is told; what was over before the execution was redriven is not told again."""

    def detached(self) -> None: ...

    def see(self, told: Story) -> None:
        """What is known by now."""

    def end(self, execution: dict[str, Any], told: Story, failure: Card | None) -> None: ...


def watched(there: side.OnAws, arn: str, options: Namespace, resumed: bool = False) -> int:
    execution = there.client.describe_execution(executionArn=arn)
    view = _view(there, execution, options, resumed)
    if options.detach:
        view.detached()
        return 0
    told = story([])
    for told in _stories(there.client, arn):
        view.see(told)
    execution = there.client.describe_execution(executionArn=arn)
    failure = None
    if execution["status"] != SUCCEEDED:
        shown = not options.json and options.log_format == "text"
        log = last_log(there, execution, told.failed, PATIENCE) if shown else []
        failure = card(told, execution["name"], log, there.flags, there.code)
    view.end(execution, told, failure)
    return 0 if failure is None else 1


def _view(there: side.OnAws, execution: dict[str, Any], options: Namespace, resumed: bool) -> View:
    if options.json:
        return _Summary(execution)
    if options.log_format == "json":
        from stepwell.cli.remote_json import JsonView

        return JsonView(there, execution, resumed)
    return _Text(there, execution, "goes on as" if resumed else "runs as")


def _stories(client: Any, arn: str) -> Iterator[Story]:
    """What is known of an execution, again and again until it has ended; only what is new is asked for."""
    events: list[dict[str, Any]] = []
    while True:
        status = client.describe_execution(executionArn=arn)["status"]
        last = events[-1]["id"] if events else 0
        new = []
        for event in items(client.get_execution_history, "events", executionArn=arn, reverseOrder=True, maxResults=100):
            if event["id"] <= last:
                break
            new.append(event)
        events += reversed(new)
        yield story(events)
        if status != "RUNNING":
            return
        time.sleep(PAUSE)


class _Summary:
    """One JSON object."""

    def __init__(self, execution: dict[str, Any]) -> None:
        self._execution = execution

    def detached(self) -> None:
        keys = {"execution": "name", "executionArn": "executionArn", "status": "status"}
        print(json.dumps({ours: self._execution[key] for ours, key in keys.items()}))

    def see(self, told: Story) -> None:
        pass

    def end(self, execution: dict[str, Any], told: Story, failure: Card | None) -> None:
        print(json.dumps(summary(execution, told, failure), default=str))


class _Text:
    """A line for each task that has ended since the last look."""

    def __init__(self, there: side.OnAws, execution: dict[str, Any], verb: str) -> None:
        self._terminal = Terminal(sys.stdout)
        self._since = began(execution)
        self._printed: set[int] = set()  # the visits, by the event of their entering
        self._watch = f"watch it: stepwell show {execution['name']}{there.flags}"
        paint = self._terminal
        paint.line(f"{paint.bold(pipeline_of(execution))} {verb} {paint.cyan(execution['name'])} on AWS")

    def detached(self) -> None:
        self._terminal.line(self._watch)

    def see(self, told: Story) -> None:
        width = max((len(visit.label) for visit in told.tasks), default=0)
        for visit in told.tasks:
            if visit.ended is None or visit.ended < self._since or visit.entered in self._printed:
                continue
            self._printed.add(visit.entered)
            sign, colour = _SIGNS.get(visit.status, ("✗", "red"))
            took = duration((visit.ended - max(visit.started, self._since)).total_seconds())
            attempts = f"   {len(visit.attempts)} attempts" if len(visit.attempts) > 1 else ""
            said = notes(visit.receipt or {}) if visit.status == SUCCEEDED else visit.error or words(visit.status)
            head = f"  {self._terminal.paint(sign, colour)} {visit.label:<{width}}  {took:>9}{attempts}"
            self._terminal.line(f"{head}   {self._terminal.dim(said)}".rstrip())

    def end(self, execution: dict[str, Any], _: Story, failure: Card | None) -> None:
        conclude(self._terminal, execution, failure)
