"""Run the pipeline in this folder, and watch it.

The run is durable: every step is on disk before the next one begins. If the machine or this command dies, `stepwell
resume` goes on where it was. Ctrl-C stops the task that is running and leaves the run resumable.
"""

import fcntl
import json
import os
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from secrets import token_hex

from stepwell.api.arns import ROLE, function_arn, machine_arn
from stepwell.cli import side, watch
from stepwell.cli.database import environment
from stepwell.cli.local import Engine, home
from stepwell.cli.turns import Leases
from stepwell.errors import UsageError
from stepwell.operate.runs import input_text, publish, refuse_overlap
from stepwell.pipeline.check import check, refuse
from stepwell.pipeline.compile import compile_machine, to_json
from stepwell.pipeline.find import find_pipeline
from stepwell.pipeline.pipeline import Pipeline


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "target", metavar="TARGET", nargs="?", help="folder, file or module:pipeline (default: ./pipeline.py)"
    )
    parser.add_argument("--from", dest="start_at", metavar="TASK", help="begin at this task")
    parser.add_argument("--only", metavar="TASK", help="run this task alone, after validate_config")
    parser.add_argument("--input", metavar="JSON", help="parameters, for instance '{\"days\": 7}'")
    parser.add_argument("--name", metavar="NAME", help="the run's name (default: date, time and four hex digits)")
    parser.add_argument("--window", metavar="TEXT", default="", help="what the run is for, such as a business date")
    watch.arguments(parser)
    parser.add_argument("--detach", action="store_true", help="with --on aws: start it, and do not wait for its end")
    side.arguments(parser)


def main(options: Namespace) -> int:
    if options.on == side.AWS:
        from stepwell.cli.remote import run

        return run(options, new_name())
    side.refuse_for_local(options)
    pipeline = find_pipeline(options.target)
    _check_options(pipeline, options)
    definition = to_json(compile_machine(pipeline, function_arn(pipeline.name), only=options.only))
    machine = pipeline.name if options.only is None else f"{pipeline.name}-only-{options.only}"
    text = input_text(options.input, start_at=options.start_at, window=options.window)
    arn = machine_arn(machine)
    with opened(pipeline) as engine, ExitStack() as lasting:
        with starting(engine.folder):
            publish(engine.client, arn, machine, definition, ROLE)
            refuse_overlap(engine.client, arn, options.name, options.window, engine.has_died)
            lasting.enter_context(engine.leases.held(options.window))
            name = options.name or new_name()
            started = engine.client.start_execution(stateMachineArn=arn, name=name, input=text)
        return watch.watch(engine, started["executionArn"], pipeline, options)


@contextmanager
def opened(pipeline: Pipeline) -> Iterator[Engine]:
    """The engine of a pipeline's folder, with the pipeline as a function whose first process is already starting."""
    folder = home(Path(pipeline.folder))
    variables = environment(pipeline, folder)
    with Engine(folder) as engine:
        engine.functions.warm(engine.register(pipeline, variables))
        engine.embedded = bool(variables)
        with Leases(pipeline, variables) as engine.leases:
            yield engine


@contextmanager
def starting(folder: Path) -> Iterator[None]:
    """One run is started at a time, so that two that begin at once see each other."""
    file = os.open(folder / "run.lock", os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(file)


def new_name() -> str:
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{token_hex(2)}"


def _check_options(pipeline: Pipeline, options: Namespace) -> None:
    """Everything that can be known to be wrong is said before anything is started."""
    given = json.loads(input_text(options.input))
    refuse(check(pipeline, given, at_run_time=False))
    for flag, task in (("--from", options.start_at), ("--only", options.only)):
        if task is not None and task not in pipeline.actions:
            raise UsageError(f"{flag} {task}: there is no such task; this pipeline has: {', '.join(pipeline.actions)}")
    if options.start_at and options.only:
        raise UsageError("--from and --only exclude each other: --only runs one task alone")
