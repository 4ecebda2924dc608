"""The verbs on AWS: Step Functions drives the run, these commands ask for it and watch.

Ctrl-C ends the watching only; a run that is watched from here is not this machine's to end.
"""

import json
import sys
import time
from argparse import Namespace
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

from stepwell.cli import side
from stepwell.cli.live import notes
from stepwell.cli.runs_of import pipeline_of, words
from stepwell.cli.select import chosen
from stepwell.cli.terminal import Terminal, duration
from stepwell.cli.watch import summary
from stepwell.errors import ExecutionNotRedrivable, RunInProgress, UsageError
from stepwell.insight.failure import card
from stepwell.insight.story import SUCCEEDED, Story, story
from stepwell.operate.paging import items
from stepwell.operate.resume import Redrive, actions_of, latest_of_run, plan
from stepwell.operate.runs import input_text, refuse_overlap

PAUSE = 2.0  # seconds between two looks: AWS gives the whole account 15 a second
LONGEST = 910  # seconds that an answer of Lambda is waited for


def run(options: Namespace, name: str) -> int:
    """Start an execution called `name`, or as the options say, and watch it."""
    if options.only is not None:
        raise UsageError(
            f"--only makes a state machine of its own; on AWS use `stepwell invoke {options.only} --on aws`"
        )
    _must_be_text(options)
    with side.on_aws(options) as there:
        arn = there.machine.arn
        known = actions_of(json.loads(there.machine.definition))
        if options.start_at is not None and options.start_at not in known:
            raise UsageError(f"--from {options.start_at}: there is no such task; it has: {', '.join(known)}")
        text = input_text(options.input, start_at=options.start_at, window=options.window)
        refuse_overlap(there.client, arn, options.name, options.window)
        request = {"stateMachineArn": arn, "name": options.name or name, "input": text}
        started = there.client.start_execution(**request)["executionArn"]
        return _watched(there, started, options, "runs as")


def _must_be_text(options: Namespace) -> None:
    if options.log_format != "text":
        raise UsageError("--log-format json is of this machine: on AWS the log of the state machine has its events")


def resume(options: Namespace) -> int:
    _must_be_text(options)
    with side.on_aws(options) as there:
        client = there.client
        execution = latest_of_run(client, chosen(client, options.run))
        if execution["status"] == "RUNNING":
            raise RunInProgress(
                f"the run {execution['name']} is under way: `stepwell show {execution['name']}{there.flags}`"
            )
        if execution["status"] == "SUCCEEDED" and options.start_at is None:
            print(f"the run {execution['name']} has succeeded: nothing to resume (`--from TASK` does tasks again)")
            return 0
        return _watched(there, _gone_on(there, execution, options.start_at), options, "goes on as")


def _gone_on(there: side.OnAws, execution: dict[str, Any], start_at: str | None) -> str:
    """The execution that goes on: the same where AWS redrives it, else a new one of the same run."""
    arn: str = execution["executionArn"]
    choice = plan(there.client, execution, there.machine.definition, start_at)
    if isinstance(choice, Redrive):
        try:
            there.client.redrive_execution(executionArn=arn)
            return arn
        except ExecutionNotRedrivable:  # too old, or too long a history
            choice = plan(there.client, execution, there.machine.definition, start_at, may_redrive=False)
    assert not isinstance(choice, Redrive)
    request = {"stateMachineArn": execution["stateMachineArn"], "name": choice.name, "input": choice.input}
    return str(there.client.start_execution(**request)["executionArn"])


def stop(options: Namespace) -> int:
    with side.on_aws(options) as there:
        execution = chosen(there.client, options.run)
        name = execution["name"]
        if execution["status"] != "RUNNING":
            print(f"the run {name} has ended already: {execution['status']}")
            return 0
        why = {"error": "Stopped", "cause": "stopped with `stepwell stop`"}
        there.client.stop_execution(executionArn=execution["executionArn"], **why)
        print(
            f"the run {name} is stopped; an invocation that is under way ends by itself; what it commits later "
            f"is refused once the run has gone on: `stepwell resume {name}{there.flags}`"
        )
    return 0


def invoke(options: Namespace, event: dict[str, Any]) -> int:
    """Once, and without a second try: what the function prints last goes to stderr, its receipt to stdout."""
    with side.on_aws(options) as there:
        retries = {"total_max_attempts": 1, "mode": "standard"}
        client = there.machine.session.client("lambda", read_timeout=LONGEST, tcp_keepalive=True, retries=retries)
        answer = client.invoke(FunctionName=there.machine.function, LogType="Tail", Payload=json.dumps(event).encode())
    for line in b64decode(answer.get("LogResult", "")).decode(errors="replace").splitlines():
        print(line, file=sys.stderr)
    told = json.loads(answer["Payload"].read() or "null")
    if "FunctionError" not in answer:
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return 0
    error, message = told.get("errorType", "Error"), told.get("errorMessage", "no message")
    print(f"{Terminal(sys.stderr).red('error:')} {options.action} failed: {error}: {message}", file=sys.stderr)
    return 1


# Watching


def _watched(there: side.OnAws, arn: str, options: Namespace, verb: str) -> int:
    terminal = Terminal(sys.stdout)
    execution = there.client.describe_execution(executionArn=arn)
    if not options.json:
        line = f"{terminal.bold(pipeline_of(execution))} {verb} {terminal.cyan(execution['name'])} on AWS"
        terminal.line(line)
    if options.detach:
        _tell_detached(terminal, there, execution, options.json)
        return 0
    told = story([])
    for told in _stories(there.client, arn):
        if not options.json:
            _print_new(terminal, told)
    execution = there.client.describe_execution(executionArn=arn)
    failure = None if execution["status"] == SUCCEEDED else card(told, execution["name"], flags=there.flags)
    if options.json:
        print(json.dumps(summary(execution, told, failure), default=str))
        return 0 if failure is None else 1
    took = duration((execution["stopDate"] - execution["startDate"]).total_seconds())
    if failure is None:
        terminal.line(f"{terminal.green('succeeded')} in {took}")
        return 0
    terminal.line(f"{terminal.red(words(execution['status']))} after {took}\n")
    for line in failure.lines():
        terminal.line(line)
    return 1


def _tell_detached(terminal: Terminal, there: side.OnAws, execution: dict[str, Any], as_json: bool) -> None:
    if as_json:
        told = {
            "execution": execution["name"],
            "executionArn": execution["executionArn"],
            "status": execution["status"],
        }
        print(json.dumps(told))
    else:
        terminal.line(f"watch it: stepwell show {execution['name']}{there.flags}")


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


_SIGNS = {"SUCCEEDED": ("✓", "green"), "RUNNING": ("…", "cyan")}
_printed: set[int] = set()  # the visits, by the event of their entering: one run is watched in a process


def _print_new(terminal: Terminal, told: Story) -> None:
    """A line for each task that has ended since the last look."""
    width = max((len(visit.label) for visit in told.tasks), default=0)
    for visit in told.tasks:
        if visit.ended is None or visit.entered in _printed:
            continue
        _printed.add(visit.entered)
        sign, colour = _SIGNS.get(visit.status, ("✗", "red"))
        took = duration(visit.seconds or 0)
        attempts = f"   {len(visit.attempts)} attempts" if len(visit.attempts) > 1 else ""
        said = notes(visit.receipt or {}) if visit.status == SUCCEEDED else visit.error or words(visit.status)
        line = f"  {terminal.paint(sign, colour)} {visit.label:<{width}}  {took:>9}{attempts}   {terminal.dim(said)}"
        terminal.line(line.rstrip())
