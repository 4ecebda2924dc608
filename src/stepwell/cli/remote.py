"""The verbs on AWS: Step Functions drives the run, these commands ask for it."""

import json
import sys
from argparse import Namespace
from base64 import b64decode
from typing import Any

from stepwell.cli import side
from stepwell.cli.remote_watch import watched
from stepwell.cli.select import chosen
from stepwell.cli.terminal import Terminal
from stepwell.errors import ExecutionNotRedrivable, RunInProgress, UsageError
from stepwell.operate.resume import Redrive, actions_of, latest_of_run, plan
from stepwell.operate.runs import input_text, refuse_overlap

LONGEST = 910  # seconds that an answer of Lambda is waited for


def run(options: Namespace, name: str) -> int:
    """Start an execution called `name`, or as the options say, and watch it."""
    if options.only is not None:
        raise UsageError(
            f"--only makes a state machine of its own; on AWS use `stepwell invoke {options.only} --on aws`"
        )
    with side.on_aws(options) as there:
        arn = there.machine.arn
        known = actions_of(json.loads(there.machine.definition))
        if options.start_at is not None and options.start_at not in known:
            raise UsageError(f"--from {options.start_at}: there is no such task; it has: {', '.join(known)}")
        text = input_text(options.input, start_at=options.start_at, window=options.window)
        refuse_overlap(there.client, arn, options.name, options.window)
        request = {"stateMachineArn": arn, "name": options.name or name, "input": text}
        started = there.client.start_execution(**request)["executionArn"]
        return watched(there, started, options)


def resume(options: Namespace) -> int:
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
        return watched(there, _gone_on(there, execution, options.start_at), options, resumed=True)


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
