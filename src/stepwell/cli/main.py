"""The `stepwell` command: finds the command's own file and runs it; every error becomes one clear message."""

import errno
import os
import sys
from importlib import import_module
from typing import NoReturn

from stepwell.cli.parser import Parser
from stepwell.errors import StepwellError, UsageError

# Each command is a module with `arguments(parser)` and `main(options) -> exit code`.
COMMANDS = {
    "new": "make a new pipeline that runs at once",
    "run": "run the pipeline in this folder",
    "resume": "go on with a run that failed or was interrupted",
    "stop": "stop a run",
    "runs": "list runs",
    "show": "show the history of a run",
    "progress": "show how far the tasks in chunks of a run are",
    "monitor": "open the monitor in the browser",
    "prune": "forget runs that ended long ago, with their logs",
    "logs": "show what the tasks of a run have printed",
    "replay": "do a task of a past run once more, and roll it back",
    "invoke": "invoke one action of the Lambda function",
    "plan": "show the chunks that a task would be done in",
    "prove": "try on the data whether a task is safe in chunks",
    "backfill": "run the pipeline for each date of a span",
    "schedule": "print what makes cron or systemd run the pipeline by its schedule=",
    "cost": "what a run costs on AWS, before it and after it",
    "forecast": "when tasks outgrow their limits, and the change that cuts them into chunks",
    "tune": "measure chunks of a task, and recommend rows, lanes and memory",
    "check": "look for mistakes without running anything",
    "serve": "serve the Step Functions and Lambda APIs to boto3 and `aws`",
    "deploy": "put the pipeline on AWS",
    "diff": "show what `deploy` would change",
    "destroy": "remove what `deploy` has made",
    "package": "make the zip for Lambda",
    "template": "print the CloudFormation template",
    "compile": "print the state machine (Amazon States Language)",
    "graph": "print the state machine as a Mermaid graph",
    "db": "start, stop, or open the embedded PostgreSQL",
    "sql": "run one SQL statement on the pipeline's database",
}

USAGE = 2  # exit code: used wrongly
FAILED = 1  # exit code: the run, or what was asked for, failed
INTERRUPTED = 130  # exit code: Ctrl-C
_SYSTEMS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT)  # what the system does not let us do


def main(argv: list[str] | None = None) -> NoReturn:
    """Run one command and end the process with its exit code."""
    code = run(sys.argv[1:] if argv is None else argv)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def run(argv: list[str]) -> int:
    """The exit code of one command line."""
    try:
        return _dispatch(argv)
    except StepwellError as error:
        print(_shown(error), file=sys.stderr)
        return USAGE if isinstance(error, UsageError) or error.kind == "configuration" else FAILED
    except KeyboardInterrupt:
        print("stepwell: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        return FAILED
    except OSError as error:
        if error.errno not in _SYSTEMS or error.filename is None:
            raise
        print(_shown(UsageError(f"{error.filename}: {error.strerror}")), file=sys.stderr)
        return FAILED


def _dispatch(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0
    if argv[0] in ("-V", "--version"):
        from importlib.metadata import version

        print(f"stepwell {version('stepwell')}")
        return 0
    name = argv[0]
    if name not in COMMANDS:
        raise UsageError(f"unknown command {name!r}{_nearest(name)}; `stepwell --help` lists the commands")
    command = import_module(f"stepwell.cli.{name}")
    parser = Parser(f"stepwell {name}", command.__doc__)
    command.arguments(parser)
    code: int = command.main(parser.parse_args(argv[1:]))
    return code


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, text in COMMANDS.items()]
    return "\n".join(
        [
            "usage: stepwell COMMAND [OPTIONS]",
            "",
            "ETL pipelines on AWS Step Functions and Lambda that run unchanged on one machine.",
            "",
            *lines,
            "",
            "`stepwell COMMAND --help` tells more.",
        ]
    )


def _nearest(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, COMMANDS, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _shown(error: StepwellError) -> str:
    from stepwell.cli.terminal import Terminal
    from stepwell.etl.redact import redacted

    return f"{Terminal(sys.stderr).red('error:')} {redacted(error.message)}"


if __name__ == "__main__":
    main()
