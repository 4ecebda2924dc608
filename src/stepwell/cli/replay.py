"""Do a task of a past run once more, here, and roll it back: what it was asked for, on the database of this folder.

Takes the task's input from the run's history, on this machine or on AWS, and the code as it is now: look for a mistake,
mend it, try again, before the run is resumed. Of a task in chunks the chunk that failed is done, if the run tells it.

examples:
  stepwell replay                                       the task that the newest run has failed in
  stepwell replay 20260301-0930 --task task_02 --on aws
  stepwell replay 20260301-0930 --task task_02 --chunk 7
"""

import json
import re
import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from stepwell.cli import side
from stepwell.cli.named import run_argument
from stepwell.errors import UsageError

if TYPE_CHECKING:
    from stepwell.insight.story import Story, Visit

_CHUNK = re.compile(r"\bchunk (\d+)")
_PASSED = ("action", "timeout", "context", "input")  # what makes the task; its phase is of the plan over there


def arguments(parser: ArgumentParser) -> None:
    run_argument(parser)
    parser.add_argument("--task", metavar="NAME", help="the task (default: the one that failed)")
    parser.add_argument("--chunk", type=int, metavar="N", help="only this chunk (default: the one that failed)")
    parser.add_argument("--target", metavar="TARGET", help="folder, file or module:pipeline (default: here)")
    side.arguments(parser)


def main(options: Namespace) -> int:
    from stepwell.cli.invoke import invoked, report
    from stepwell.cli.runs_of import all_events
    from stepwell.cli.select import chosen
    from stepwell.insight.story import story
    from stepwell.pipeline.find import find_pipeline

    pipeline = find_pipeline(options.target)
    with side.opened(options) as source:
        execution = chosen(source.client, options.run)
        events = all_events(source.client, execution["executionArn"])
        if isinstance(source, side.OnAws):
            _warn_of_variables(source)
    told = story(events)
    visit = _visit(told, options.task, execution["name"])
    event = _asked(events, visit) or _rebuilt(execution, visit)
    task = pipeline.action(event["action"])
    chunk = (
        options.chunk
        if options.chunk is not None
        else _failed_chunk(told, task.name)
        if task.chunks is not None
        else None
    )
    event |= {"phase": "replay"} | ({} if chunk is None else {"number": chunk})
    response = invoked(pipeline, event)
    if response.text is None:
        return report(task.name, response)
    print(json.dumps(json.loads(response.text), indent=2, ensure_ascii=False))
    print(f"{task.name} of {execution['name']} was done and rolled back", file=sys.stderr)
    return 0


def _visit(told: "Story", task: str | None, run: str) -> "Visit":
    """The last call for the task: the one that failed, where one has."""
    found = [visit for visit in told.visits if visit.type == "Task" and visit.task and task in (None, visit.task)]
    failed = [visit for visit in found if visit.status not in ("SUCCEEDED", "RUNNING")]
    if task is None and not failed:
        raise UsageError(f"no task of the run {run} has failed: name one with --task")
    if not found:
        tasks = ", ".join(dict.fromkeys(visit.task for visit in told.visits if visit.task)) or "nothing"
        raise UsageError(f"the run {run} has not called {task}; it has called: {tasks}")
    return (failed or found)[-1]


def _asked(events: list[dict[str, Any]], visit: "Visit") -> dict[str, Any] | None:
    """The event of its last attempt, where the history has it."""
    wanted = visit.attempts[-1].event if visit.attempts else None
    for event in events:
        if event["id"] == wanted:
            details = event.get("lambdaFunctionScheduledEventDetails") or event.get("taskScheduledEventDetails") or {}
            told = json.loads(details.get("input") or details.get("parameters") or "{}")
            told = told.get("Payload", told)  # of the service integration lambda:invoke
            return {key: told[key] for key in _PASSED if key in told} if "action" in told else None
    return None


def _rebuilt(execution: dict[str, Any], visit: "Visit") -> dict[str, Any]:
    """As a compiled machine would ask: a history without data does not tell."""
    name, arn = execution["name"], execution["executionArn"]
    context = {"Execution": {"Id": arn, "Name": name, "Input": json.loads(execution.get("input") or "{}")}}
    return {"action": visit.task, "context": context}


def _failed_chunk(told: "Story", task: str) -> int | None:
    """The chunk that the last failure of the task's lanes tells of."""
    messages = [attempt.message for visit in told.visits if visit.task == task for attempt in visit.attempts]
    found = [_CHUNK.search(message) for message in messages if message]
    return next((int(each[1]) for each in reversed(found) if each), None)


def _warn_of_variables(there: side.OnAws) -> None:
    """The function's settings are told by name only: their values may be secrets."""
    import os

    names = there.machine.configuration.get("Environment", {}).get("Variables", {})
    missing = [name for name in names if name not in os.environ and not name.startswith("STEPWELL_")]
    if missing:
        print(f"the function has {', '.join(sorted(missing))}, which this environment has not", file=sys.stderr)
