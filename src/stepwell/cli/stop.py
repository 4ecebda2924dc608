"""Stop a run: the task that is running is killed, its transaction is rolled back, and the run stays resumable."""

import time
from argparse import ArgumentParser, Namespace

from stepwell.cli import side
from stepwell.cli.local import Engine, home
from stepwell.cli.select import chosen

PATIENCE = 10  # seconds that a living owner is given


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "run", metavar="RUN", nargs="?", help="the run's name, or the beginning of it (default: the newest)"
    )
    side.arguments(parser)


def main(options: Namespace) -> int:
    if options.on == side.AWS:
        from stepwell.cli.remote import stop

        return stop(options)
    side.refuse_for_local(options)
    with Engine(home()) as engine:
        execution = chosen(engine.client, options.run)
        name, arn = execution["name"], execution["executionArn"]
        if execution["status"] != "RUNNING":
            print(f"the run {name} has ended already: {execution['status']}")
            return 0
        engine.client.stop_execution(executionArn=arn, error="Stopped", cause="stopped with `stepwell stop`")
        return _wait(engine, name, arn)


def _wait(engine: Engine, name: str, arn: str) -> int:
    """Its owner does it; where that has died, we do."""
    row = engine.row(arn)
    engine.worker.take_over(row)
    until = time.monotonic() + PATIENCE
    engine.worker.run(lambda: engine.row(arn).status != "RUNNING" or time.monotonic() > until)
    status = engine.row(arn).status
    if status == "RUNNING":
        print(f"the run {name} has not stopped within {PATIENCE} s; its process is {row.owner.partition('-')[0]}")
        return 1
    print(f"the run {name} is stopped; go on with `stepwell resume {name}`")
    return 0
