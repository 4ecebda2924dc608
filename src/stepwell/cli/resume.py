"""Go on with a run that failed or was interrupted: nothing that has finished is done again.

Without a name: the newest run in this folder. A run whose process has died goes on in the same execution. A failed one
goes on at the task that failed, with the pipeline as it is now, so mend it first.
"""

from argparse import ArgumentParser, Namespace
from typing import Any

from stepwell.api.arns import ROLE, function_arn
from stepwell.cli import side, watch
from stepwell.cli.local import Engine
from stepwell.cli.run import opened
from stepwell.cli.select import chosen
from stepwell.errors import RunInProgress, UsageError
from stepwell.journal.owners import pid_of
from stepwell.operate.resume import Redrive, latest_of_run, plan
from stepwell.operate.runs import publish, window_of
from stepwell.pipeline.check import check, refuse
from stepwell.pipeline.compile import compile_machine, to_json
from stepwell.pipeline.find import find_pipeline
from stepwell.pipeline.pipeline import Pipeline


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "run", metavar="RUN", nargs="?", help="the run's name, or the beginning of it (default: the newest)"
    )
    parser.add_argument("--from", dest="start_at", metavar="TASK", help="do this task and all later ones again")
    parser.add_argument("--target", metavar="TARGET", help="folder, file or module:pipeline (default: here)")
    watch.arguments(parser)
    parser.add_argument("--detach", action="store_true", help="with --on aws: do not wait for its end")
    side.arguments(parser)


def main(options: Namespace) -> int:
    if options.on == side.AWS:
        from stepwell.cli.remote import resume

        return resume(options)
    side.refuse_for_local(options)
    pipeline = find_pipeline(options.target)
    refuse(check(pipeline, at_run_time=False))
    with opened(pipeline) as engine:
        execution = latest_of_run(engine.client, chosen(engine.client, options.run, pipeline.name))
        refuse_living(engine, execution)
        with engine.leases.held(window_of(execution)):
            arn = go_on(engine, pipeline, execution, options.start_at)
            return 0 if arn is None else watch.watch(engine, arn, pipeline, options, resumed=True)


def go_on(engine: Engine, pipeline: Pipeline, execution: dict[str, Any], start_at: str | None) -> str | None:
    """The execution that goes on now; None when there is nothing left to do."""
    arn: str = execution["executionArn"]
    if execution["status"] == "RUNNING":
        return _take_over(engine, execution)
    if execution["status"] == "SUCCEEDED" and start_at is None:
        print(f"the run {execution['name']} has succeeded: nothing to resume (`--from TASK` does tasks again)")
        return None
    definition = to_json(compile_machine(pipeline, function_arn(pipeline.name), only=_only(pipeline, execution)))
    choice = plan(engine.client, execution, definition, start_at, execution["redriveStatus"] == "REDRIVABLE")
    if isinstance(choice, Redrive):
        engine.client.redrive_execution(executionArn=arn)
        return arn
    machine = execution["stateMachineArn"]
    publish(engine.client, machine, machine.rpartition(":")[2], definition, ROLE)
    request = {"stateMachineArn": machine, "name": choice.name, "input": choice.input}
    started: str = engine.client.start_execution(**request)["executionArn"]
    return started


def _take_over(engine: Engine, execution: dict[str, Any]) -> str:
    arn: str = execution["executionArn"]
    if not engine.worker.take_over(engine.row(arn)):
        raise _in_progress(engine, execution)
    return arn


def refuse_living(engine: Engine, execution: dict[str, Any]) -> None:
    """RunInProgress for a run that a living process drives."""
    if execution["status"] == "RUNNING" and not engine.has_died(execution):
        raise _in_progress(engine, execution)


def _in_progress(engine: Engine, execution: dict[str, Any]) -> RunInProgress:
    name = execution["name"]
    return RunInProgress(
        f"the run {name} is under way in process {pid_of(engine.row(execution['executionArn']).owner)}: "
        f"watch it with `stepwell show {name}`, or end it with `stepwell stop {name}`"
    )


def _only(pipeline: Pipeline, execution: dict[str, Any]) -> str | None:
    """The task of a run that was made with --only."""
    name = execution["stateMachineArn"].rpartition(":")[2]
    only = name.removeprefix(f"{pipeline.name}-only-") if name != pipeline.name else None
    if only is not None and only not in pipeline.actions:
        raise UsageError(f"the run {execution['name']} ran {only} alone, which the pipeline does not have any more")
    return only
