"""Watching a run to its end: what is shown meanwhile, what is said in the end, and the exit code."""

import json
import os
import sys
from argparse import ArgumentParser, Namespace
from functools import partial
from pathlib import Path
from typing import Any

from stepwell.cli.far import Far
from stepwell.cli.live import Live, Tail
from stepwell.cli.local import Engine, progress_url
from stepwell.cli.main import FAILED, INTERRUPTED
from stepwell.cli.runs_of import all_events
from stepwell.cli.streams import last_log
from stepwell.cli.terminal import Terminal, duration
from stepwell.engine.events import Event
from stepwell.engine.execution import Execution
from stepwell.insight.failure import Card, card
from stepwell.insight.story import Story, story
from stepwell.operate.resume import actions_of
from stepwell.operate.runs import run_of
from stepwell.pipeline.pipeline import Pipeline
from stepwell.progress import open_progress

_ENDS = ("Succeeded", "Failed", "TimedOut")


def arguments(parser: ArgumentParser) -> None:
    """How a run is shown, for the commands that watch one."""
    parser.add_argument("--json", action="store_true", help="print one JSON object when the run has ended")
    parser.add_argument(
        "--log-format", choices=("text", "json"), default="text", help="json: a JSON object a line for each event"
    )


def watch(engine: Engine, arn: str, pipeline: Pipeline, options: Namespace, resumed: bool = False) -> int:
    """Advance an execution of this process to its end; 0 when it succeeded, 1 when not, 130 after Ctrl-C."""
    terminal = Terminal(sys.stdout)
    row = engine.row(arn)
    view = None if options.json else _view(engine, terminal, arn, options, resumed)
    tail = Tail(engine.folder / "logs")
    interrupted = False

    def speak(shown: Live) -> None:
        for line in tail.lines({call.log for call in engine.journal.invocations(row.id) if call.log}):
            shown.said(line)

    def see(shown: Live, execution: Execution, events: list[Event]) -> None:
        if any(event.type.endswith(_ENDS) for event in events):  # what a task has printed comes before its end
            speak(shown)
        shown.see(execution, events)

    def over() -> bool:
        if view is not None:
            speak(view)
            view.tick()
        return not engine.worker.owns(row.id)

    if view is not None:
        engine.worker.observer = partial(see, view)
        for call in engine.journal.invocations(row.id):
            tail.skip(call.log)
    try:
        engine.worker.run(over)
    except KeyboardInterrupt:
        interrupted = True
        engine.client.stop_execution(executionArn=arn, error="Interrupted", cause="stopped with Ctrl-C")
        engine.worker.run(lambda: not engine.worker.owns(row.id))
    finally:
        engine.worker.observer = None
        if view is not None:
            view.close()
    execution = engine.client.describe_execution(executionArn=arn)
    told = story(all_events(engine.client, arn))
    failure = _failure(engine, execution, told, pipeline.folder)
    run = summary(execution, told, failure)
    if options.json:
        print(json.dumps(run, default=str))
    elif view is not None and options.log_format == "json":
        view.end(run)
    else:
        project = engine.folder.parent
        there = "" if project.resolve() == Path.cwd() else f"cd {os.path.relpath(project)} && "
        conclude(terminal, execution, failure, there)
    if pipeline.on_success is not None or pipeline.on_failure is not None:
        from stepwell.cli.hooks import notify

        notify(pipeline, run, failure)
    return INTERRUPTED if interrupted else 0 if execution["status"] == "SUCCEEDED" else FAILED


def _view(engine: Engine, terminal: Terminal, arn: str, options: Namespace, resumed: bool) -> Live:
    execution = engine.client.describe_execution(executionArn=arn)
    definition = engine.client.describe_state_machine_for_execution(executionArn=arn)["definition"]
    pipeline = execution["stateMachineArn"].rpartition(":")[2]
    if options.log_format == "json":
        from stepwell.cli.jsonlog import JsonLines, JsonLog

        lines = JsonLines(terminal, pipeline, run_of(execution))
        lines.write("run_resumed" if resumed else "run_started", execution=execution["name"])
        return JsonLog(terminal, lines)
    verb = "goes on as" if resumed else "runs as"
    where = " on the embedded PostgreSQL" if engine.embedded else ""
    terminal.line(f"{terminal.bold(pipeline)} {verb} {terminal.cyan(execution['name'])}{where}")
    progress = open_progress(progress_url(engine.folder))
    far = Far(terminal, progress, pipeline.partition("-only-")[0], run_of(execution))
    return Live(terminal, max(map(len, actions_of(json.loads(definition)))), far)


def _failure(engine: Engine, execution: dict[str, Any], told: Story, folder: str) -> Card | None:
    if execution["status"] == "SUCCEEDED":
        return None
    log = last_log(engine, execution["executionArn"], told.failed)
    return card(told, execution["name"], log, code=folder)


def conclude(terminal: Terminal, execution: dict[str, Any], failure: Card | None, there: str = "") -> None:
    """How it has ended; `there` leads to the folder in which its commands work."""
    took = duration((execution["stopDate"] - execution["startDate"]).total_seconds())
    if failure is None:
        terminal.line(f"{terminal.green('succeeded')} in {took}")
        return
    terminal.line(f"{terminal.red(execution['status'].lower().replace('_', ' '))} after {took}")
    terminal.line()
    for line in failure.lines():
        terminal.line(line.replace("  stepwell resume", f"  {there}stepwell resume"))


def summary(execution: dict[str, Any], told: Story, failure: Card | None = None) -> dict[str, Any]:
    """The stable shape of `--json`."""
    tasks = [
        {
            "task": visit.task,
            "state": visit.name,
            "status": visit.status,
            "attempts": len(visit.attempts) or visit.rounds,
            "seconds": visit.seconds,
            "rows": (visit.receipt or {}).get("rows"),
        }
        for visit in told.tasks
    ]
    answer = {
        "pipeline": execution["stateMachineArn"].rpartition(":")[2],
        "run": run_of(execution),
        "execution": execution["name"],
        "status": execution["status"],
        "started": execution["startDate"].isoformat(),
        "ended": execution["stopDate"].isoformat(),
        "seconds": (execution["stopDate"] - execution["startDate"]).total_seconds(),
        "tasks": tasks,
        "output": json.loads(execution["output"]) if "output" in execution else None,
    }
    if failure is None:
        return answer
    said = {"error": failure.error, "sqlstate": failure.sqlstate, "message": failure.message, "where": failure.where}
    return answer | said | {"cause": failure.cause, "remedy": failure.remedy, "resume": failure.command}
