#!/usr/bin/env python3
"""SIGKILL of `serve` at random moments, each after something new is on the disk, while executions run.

They map, wait, fork, and wait for a token; their tasks have a Retry. All must succeed with the output of one that
nobody disturbed; their histories must be equal to its, once lost attempts are taken out; no task whose result was on
the disk may be invoked again. Beside them tasks without a Retry: one in flight fails once, and does what it does at
most once.
"""

import argparse
import json
import random
import re
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from benchmarks.peers.servers import Served, stepwell
from benchmarks.rows.tasks import function

WORK = """
import time
def handler(event, context):
    with open(event["folder"] + "/effects", "a") as file:
        file.write(event["key"] + "\\n")
    time.sleep(event.get("seconds", 0.02))
    return {"did": event["key"]}
"""
ASK = """
import json
def handler(event, context):
    with open(event["folder"] + "/tokens", "a") as file:
        file.write(json.dumps(event) + "\\n")
"""
RETRY = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 99, "BackoffRate": 1.0}]
LOST = ("Lambda.Unknown", "Lambda.SdkClientException")
JOINS = ("MapStateSucceeded", "MapStateExited", "ParallelStateSucceeded", "ParallelStateExited")


class Outcome(NamedTuple):
    """What a trial has come to: how much happened, and every law that was broken."""

    kills: int
    executions: int
    lost: int
    seconds: float
    broken: list[str]


def definition(work: str, ask: str, folder: Path) -> dict[str, Any]:
    """Every kind of waiting there is; `$.name` is in each task's key, so that effects tell whose they are."""

    def task(key: str, **fields: Any) -> dict[str, Any]:
        parameters = {"folder": str(folder), "key.$": key}
        return {"Type": "Task", "Resource": work, "Parameters": parameters, "Retry": RETRY, **fields}

    each = task("States.Format('{}/item-{}', $.name, $.item)", End=True)
    left = task("States.Format('{}/left', $.name)", End=True)
    right = task("States.Format('{}/right', $.name)", End=True)
    asked = {"folder": str(folder), "key.$": "States.Format('{}/ask', $.name)", "token.$": "$$.Task.Token"}
    return {
        "StartAt": "Begin",
        "States": {
            "Begin": {"Type": "Wait", "SecondsPath": "$.wait", "Next": "Each"},
            "Each": {
                "Type": "Map",
                "ItemsPath": "$.items",
                "ItemSelector": {"name.$": "$.name", "item.$": "$$.Map.Item.Value"},
                "MaxConcurrency": 2,
                "ItemProcessor": {"StartAt": "Item", "States": {"Item": each}},
                "ResultPath": "$.each",
                "Next": "Pause",
            },
            "Pause": {"Type": "Wait", "Seconds": 1, "Next": "Both"},
            "Both": {
                "Type": "Parallel",
                "Branches": [
                    {"StartAt": "Left", "States": {"Left": left}},
                    {"StartAt": "Before", "States": {"Before": {"Type": "Pass", "Next": "Right"}, "Right": right}},
                ],
                "ResultPath": "$.both",
                "Next": "Ask",
            },
            "Ask": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
                "Parameters": {"FunctionName": ask, "Payload": asked},
                "Retry": RETRY,
                "ResultPath": "$.answer",
                "Next": "End",
            },
            "End": {"Type": "Pass", "End": True},
        },
    }


class Trial:
    """One server that is killed and started again, and what was seen at each death."""

    def __init__(self, folder: Path, executions: int, kills: int, seconds: float, seed: int) -> None:
        self.folder, self.executions, self.kills, self.seconds = folder, executions, kills, seconds
        self.random = random.Random(seed)
        self.served = Served(stepwell(), folder)
        self.deaths: list[tuple[set[str], Counter[str]]] = []
        self._over = threading.Event()

    def run(self) -> Outcome:
        try:
            return self._run()
        finally:
            self._over.set()
            self.served.end()

    def _run(self) -> Outcome:
        begun = time.monotonic()
        self.served.start()
        work, ask = function(self.served, "work", WORK), function(self.served, "ask", ASK)
        machine = self.served.machine("killed", definition(work, ask, self.folder))
        once = {"folder": str(self.folder), "key.$": "$.name", "seconds": 0.3}
        single = {"Type": "Task", "Resource": work, "Parameters": once, "End": True}
        fragile = self.served.machine("fragile", {"StartAt": "Once", "States": {"Once": single}})
        answering = threading.Thread(target=self._answer)
        answering.start()
        model = self.served.ended(self._start(machine, "model", 0))
        arns = [self._start(machine, f"e{n}", n * self.seconds / self.executions) for n in range(self.executions)]
        fragiles = self._kill(fragile)
        try:
            for arn in [*arns, *fragiles]:
                self._until_ended(arn)
        finally:
            self._over.set()
            answering.join()
        broken = [*self._unequal(model, arns), *self._repeated(), *self._not_once(fragiles)]
        lost = sum(self._history(arn)[1] for arn in arns)
        return Outcome(len(self.deaths), self.executions, lost, time.monotonic() - begun, broken)

    def _start(self, machine: str, name: str, wait: float) -> str:
        value = json.dumps({"name": name, "wait": int(wait), "items": [1, 2, 3]})
        made = self.served.sfn.start_execution(stateMachineArn=machine, name=name, input=value)
        return str(made["executionArn"])

    # Deaths

    def _kill(self, fragile: str) -> list[str]:
        """Kill it as often as wanted, each time after something new has been saved; the fragile executions."""
        fragiles, seen = [], self._saved()
        for number in range(self.kills):
            if number % 4 == 0:
                fragiles.append(self._start(fragile, f"once{number}", 0))
            until = time.monotonic() + 60
            while self._saved() <= seen and time.monotonic() < until:
                time.sleep(0.002)
            time.sleep(self.random.uniform(0, 0.2))
            self.served.end(signal.SIGKILL)
            time.sleep(0.1)  # its functions notice, and die too
            self.deaths.append((self._results(), Counter(self._effects())))
            seen = self._saved()
            self.served.start()
        return fragiles

    def _rows(self, query: str) -> list[Any]:
        db = sqlite3.connect(f"file:{self.folder}/.stepwell/journal.db?mode=ro", uri=True, timeout=30)
        try:
            return db.execute(query).fetchall()
        finally:
            db.close()

    def _saved(self) -> int:
        return int(self._rows("SELECT sum(last) FROM executions")[0][0])

    def _results(self) -> set[str]:
        """The keys of the tasks whose result is on the disk."""
        rows = self._rows("SELECT payload FROM events WHERE type = 'LambdaFunctionSucceeded'")
        return {json.loads(text)["did"] for (text,) in rows}

    def _effects(self) -> list[str]:
        file = self.folder / "effects"
        return file.read_text().split() if file.exists() else []

    # The one who has the tokens

    def _answer(self) -> None:
        client, told = self.served.client("stepfunctions"), 0
        while not self._over.wait(0.02):
            file = self.folder / "tokens"
            lines = file.read_text().splitlines() if file.exists() else []
            for line in lines[told:]:
                event = json.loads(line)
                try:
                    client.send_task_success(taskToken=event["token"], output=json.dumps({"to": event["key"]}))
                except ClientError as error:
                    if error.response["Error"]["Code"] not in ("TaskTimedOut", "TaskDoesNotExist"):
                        raise
                except BotoCoreError:
                    break  # it is dead; asked again
                told += 1

    def _until_ended(self, arn: str) -> None:
        until = time.monotonic() + 120
        while time.monotonic() < until:
            with suppress(BotoCoreError):
                if self.served.sfn.describe_execution(executionArn=arn)["status"] != "RUNNING":
                    return
            time.sleep(0.02)

    # The laws

    def _unequal(self, model: str, arns: list[str]) -> list[str]:
        expected, broken = self._history(model)[0], []
        for arn in arns:
            told = self.served.sfn.describe_execution(executionArn=arn)
            found, _ = self._history(arn)
            if told["status"] != "SUCCEEDED":
                broken.append(f"{arn} has ended as {told['status']}: {told.get('error')} {told.get('cause')}")
            elif found != expected:
                broken.append(f"{arn} has another history: {(found - expected) | (expected - found)}")
        return broken

    def _repeated(self) -> list[str]:
        last = Counter(self._effects())
        return [
            f"{key} was invoked again after its result was on the disk"
            for results, effects in self.deaths
            for key in results
            if last[key] != effects[key]
        ]

    def _not_once(self, arns: list[str]) -> list[str]:
        effects, broken = Counter(self._effects()), []
        for arn in arns:
            events = self._events(arn)
            failed = sum(event["type"] == "LambdaFunctionFailed" for event in events)
            ended = events[-1]["type"], failed
            name = arn.rpartition(":")[2]
            if ended not in (("ExecutionSucceeded", 0), ("ExecutionFailed", 1)) or effects[name] > 1:
                broken.append(f"{name} without a Retry: {ended}, {effects[name]} effects")
        return broken

    def _events(self, arn: str) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        for page in self.served.sfn.get_paginator("get_execution_history").paginate(executionArn=arn):
            events += page["events"]
        assert [event["id"] for event in events] == list(range(1, len(events) + 1)), arn
        return events

    def _history(self, arn: str) -> tuple[Counter[str], int]:
        """What has happened, each event with the way that led to it, and how many lost attempts were taken out."""
        events = {event["id"]: event for event in self._events(arn)}
        instead: dict[int, int] = {}  # by the last event of a lost attempt: what came before it
        count = 0
        gone: set[int] = set()
        for event in events.values():
            if event["type"].endswith("Failed") and any(f'"error": "{name}"' in _text(event) for name in LOST):
                count += 1
                back = event
                while True:
                    gone.add(back["id"])
                    if back["type"].endswith("Scheduled"):
                        break
                    back = events[back["previousEventId"]]
                for number in gone:
                    instead.setdefault(number, back["previousEventId"])
        ways: dict[int, str] = {0: ""}
        name = arn.rpartition(":")[2]
        for number, event in events.items():
            if number in gone:
                continue
            before = event["previousEventId"]
            while before in instead:
                before = instead[before]
            way = "" if event["type"] in JOINS else ways[before]
            ways[number] = str(hash(way + _plain(event, name)))
        kept = [event for number, event in events.items() if number not in gone]
        return Counter(f"{ways[event['id']]} {_plain(event, name)}" for event in kept), count


def _text(event: dict[str, Any]) -> str:
    return json.dumps(event, default=str)


def _plain(event: dict[str, Any], name: str) -> str:
    """An event without what differs between any two executions: times, ids, its name, tokens."""
    facts = {key: value for key, value in event.items() if key not in ("timestamp", "id", "previousEventId")}
    if event["type"] == "TaskSubmitted":  # the function's answer, with its request's id and date
        return "TaskSubmitted"
    text = _text(facts).replace(f'"{name}\\\\\\"', '"').replace(f"{name}/", "/").replace(f'\\"{name}\\"', '\\"\\"')
    return re.sub(r'\\"wait\\":\d+|(token\\": ?\\")[^\\]*', r"\1", re.sub(r'\\"wait\\": \d+', r'\\"wait\\":0', text))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--executions", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60, help="over which their beginnings are spread")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stepwell-kills-") as folder:
        outcome = Trial(Path(folder), chosen.executions, chosen.kills, chosen.seconds, chosen.seed).run()
    if chosen.json:
        print(json.dumps(outcome._asdict()))
    else:
        print(f"{outcome.kills} kills (seed {chosen.seed}), {outcome.executions} executions, {outcome.seconds:.0f} s")
        print(f"{outcome.lost} attempts were lost and made again")
        print(
            "\n".join(outcome.broken) or "all succeeded; histories equal; nothing done twice whose result was on disk"
        )
    sys.exit(1 if outcome.broken else 0)


if __name__ == "__main__":
    main()
