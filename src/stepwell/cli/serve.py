"""Serve the Step Functions and Lambda APIs on this machine, for boto3, the `aws` command and everything built on them.

Executions go on by themselves: those that `serve` starts, and those whose process has died. Ends with Ctrl-C or
SIGTERM; what is under way then, or when it is killed, goes on at the next start.
"""

import signal
import sys
import threading
from argparse import ArgumentParser, Namespace

from stepwell.api.arns import REGION, ROLE, machine_arn
from stepwell.api.http import Server
from stepwell.cli.local import Engine, home
from stepwell.cli.served import Served
from stepwell.cli.terminal import Terminal

PORT = 8083


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=PORT, metavar="PORT", help=f"of 127.0.0.1 (default: {PORT})")


def main(options: Namespace) -> int:
    with Engine(home()) as engine:
        worker = engine.worker
        served = Served(engine)
        server = Server(options.port, served.answer)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.close())
        worker.chores = _Chores(engine)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        _tell(server.url, str(engine.folder), _first(engine, served.pipeline))
        try:
            worker.run(lambda: False)
        finally:
            worker.close()
            worker.refuse()
            server.shutdown()
            server.server_close()
    return 0


class _Chores:
    """Take over what a process that has died has left behind."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __call__(self) -> None:
        count = self._engine.worker.inherit()
        if count:
            what = (
                "1 execution of a process that has died goes"
                if count == 1
                else f"{count} executions of dead processes go"
            )
            print(f"{what} on here", flush=True)


def _first(engine: Engine, pipeline: str | None) -> list[str]:
    """What to try first: the pipeline of this folder is a function, and needs a state machine."""
    if pipeline is None:
        return ["aws stepfunctions list-state-machines"]
    arn = machine_arn(pipeline)
    if engine.journal.catalog.machine(arn) is not None:
        return [f"aws stepfunctions start-execution --state-machine-arn {arn}"]
    create = f"aws stepfunctions create-state-machine --name {pipeline} --role-arn {ROLE}"
    return ["stepwell compile > machine.json", f"{create} \\", "    --definition file://machine.json"]


def _tell(url: str, folder: str, first: list[str]) -> None:
    terminal = Terminal(sys.stdout)
    lines = [
        f"{terminal.bold('Step Functions and Lambda')} at {terminal.cyan(url)}, journal in {folder}",
        "",
        "In another terminal, for `aws`, boto3 and everything built on them:",
        "",
        f"  export AWS_ENDPOINT_URL_SFN={url}",
        f"  export AWS_ENDPOINT_URL_LAMBDA={url}",
        "  export AWS_DISABLE_HOST_PREFIX_INJECTION=true",
        f"  export AWS_ACCESS_KEY_ID=stepwell AWS_SECRET_ACCESS_KEY=stepwell AWS_DEFAULT_REGION={REGION}",
        "",
        *(f"  {line}" for line in first),
        "",
        "Ctrl-C ends it.",
    ]
    for line in lines:
        terminal.line(line)
