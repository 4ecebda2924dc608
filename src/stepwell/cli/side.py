"""Where a command looks and acts: on this machine, or with `--on aws` on AWS; what it is given has one shape.

side.arguments(parser)                  --on, --state-machine, --profile, --region, --endpoint-url
with side.opened(options) as chosen:    chosen.client is shaped as boto3's Step Functions client
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from stepwell.errors import UsageError

if TYPE_CHECKING:
    from stepwell.aws.machine import Machine
    from stepwell.progress import Progress

LOCAL, AWS = "local", "aws"


class Side(Protocol):
    """`name` is local or aws; `flags` is what a command that is printed must have to look there too; `code` is the
    folder of the function, to which places in it are relative."""

    name: str
    flags: str
    code: str

    @property
    def client(self) -> Any:
        """Of Step Functions, as boto3 shapes it; `list_executions()` without a machine lists those that are meant."""

    def status_of(self, execution: dict[str, Any]) -> str:
        """AWS's status, or INTERRUPTED, which only this machine knows."""

    def progress(self) -> "Progress":
        """The store that the functions there write their progress to; to be closed."""

    def close(self) -> None: ...

    def __enter__(self) -> "Side": ...

    def __exit__(self, *_: object) -> None: ...


class OnAws:
    """A pipeline's state machine on AWS."""

    name = AWS
    code = "/var/task"

    def __init__(self, machine: "Machine", flags: str) -> None:
        self.machine = machine
        self.flags = flags

    @property
    def client(self) -> Any:
        return self.machine.client

    def status_of(self, execution: dict[str, Any]) -> str:
        return str(execution["status"])

    def progress(self) -> "Progress":
        from stepwell.progress import open_progress

        return open_progress(self.machine.progress_url)

    def close(self) -> None:
        pass

    def __enter__(self) -> "OnAws":
        return self

    def __exit__(self, *_: object) -> None:
        pass


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--on", choices=(LOCAL, AWS), default=LOCAL, help="where (default: local)")
    parser.add_argument(
        "--state-machine",
        metavar="NAME",
        help="with --on aws: the state machine, by name or ARN (default: as the pipeline)",
    )
    connection_arguments(parser)


def connection_arguments(parser: ArgumentParser) -> None:
    """What says which AWS is meant, named as the `aws` command names it."""
    parser.add_argument("--profile", metavar="NAME", help="of AWS: the profile (default: as the `aws` command)")
    parser.add_argument("--region", metavar="NAME", help="of AWS: the region (default: as the `aws` command)")
    parser.add_argument("--endpoint-url", metavar="URL", help="of AWS: another address for all of its services")


def opened(options: Namespace) -> Side:
    """The side that the options name. UsageError where nothing was ever run here: looking makes no journal."""
    if options.on == AWS:
        return on_aws(options)
    refuse_for_local(options)
    from stepwell.cli.runs_of import reader

    return reader()


def on_aws(options: Namespace) -> OnAws:
    from stepwell.aws.machine import Machine

    machine = Machine(session(options), options.state_machine or _pipeline_here())
    return OnAws(machine, flags(options))


def session(options: Namespace) -> Any:
    """Of stepwell.aws.session."""
    from stepwell.aws.session import Session

    return Session(options.profile, options.region, options.endpoint_url)


def refuse_for_local(options: Namespace) -> None:
    for name in ("state_machine", "profile", "region", "endpoint_url"):
        if getattr(options, name) is not None:
            raise UsageError(f"--{name.replace('_', '-')} is of AWS: it goes with --on aws")
    if getattr(options, "detach", False):
        raise UsageError(
            "--detach goes with --on aws: here a run ends with its command, which `&` puts into the background"
        )


def flags(options: Namespace) -> str:
    """` --on aws --profile prod`: to be put behind a command that is printed."""
    from shlex import quote

    given = [("state-machine", options.state_machine), ("profile", options.profile), ("region", options.region)]
    given.append(("endpoint-url", options.endpoint_url))
    return " --on aws" + "".join(f" --{name} {quote(value)}" for name, value in given if value is not None)


def _pipeline_here() -> str:
    if not Path("pipeline.py").is_file():
        raise UsageError("there is no pipeline.py here: name the pipeline's state machine with --state-machine")
    from stepwell.pipeline.find import find_pipeline

    return find_pipeline().name
