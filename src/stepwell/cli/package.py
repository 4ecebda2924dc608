"""Make the zip for Lambda: the project, Stepwell's Lambda side and their dependencies as Linux wheels.

Works on every system and needs no Docker. The same input gives the same bytes. Dependencies are those of the project's
requirements.txt and what the tasks need, in the versions that are installed here. boto3 stays out: Lambda brings it.

examples:
  stepwell package
  stepwell package --architecture x86_64 --python 3.13 --output build/visits.zip
"""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from stepwell.cli.named import target_argument
from stepwell.errors import UsageError

if TYPE_CHECKING:
    from stepwell.aws.bundle import Bundle
    from stepwell.pipeline.pipeline import Pipeline

SHOWN = 5  # packages


def arguments(parser: ArgumentParser) -> None:
    target_argument(parser)
    parser.add_argument("--output", "-o", metavar="FILE", help="write to this file (default: .stepwell/NAME.zip)")
    bundle_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def bundle_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--python", metavar="VERSION", help="of Lambda, such as 3.13 (default: this one, from 3.12 on)")
    parser.add_argument("--architecture", metavar="NAME", help="arm64 or x86_64 (default: arm64)")
    parser.add_argument(
        "--exclude", metavar="PATTERN", action="append", default=[], help="leave out such files of the project"
    )


def main(options: Namespace) -> int:
    from stepwell.cli.local import home
    from stepwell.pipeline.find import find_pipeline

    pipeline = find_pipeline(options.target)
    made = bundled(pipeline, options)
    file = Path(options.output) if options.output else home(Path(pipeline.folder)) / f"{pipeline.name}.zip"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(made.content)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from None
    _tell(file, made, options.json)
    return 0


def bundled(pipeline: "Pipeline", options: Namespace) -> "Bundle":
    """The bundle that the options describe; wheels are kept in the project's `.stepwell`."""
    from stepwell.aws.bundle import bundle
    from stepwell.aws.target import target
    from stepwell.cli.local import home
    from stepwell.pipeline.check import refuse, structure

    refuse(structure(pipeline))
    where = home(Path(pipeline.folder)) / "wheels"
    return bundle(pipeline, target(options.python, options.architecture), where, options.exclude)


def _tell(file: Path, made: "Bundle", as_json: bool) -> None:
    import json

    from stepwell.aws.bundle import HANDLER, megabytes
    from stepwell.cli.terminal import Terminal

    if as_json:
        told = {
            "file": str(file),
            "bytes": len(made.content),
            "unzipped": made.unzipped,
            "sha256": made.digest,
            "runtime": made.target.runtime,
            "architecture": made.target.architecture,
            "handler": HANDLER,
            "checked": made.checked,
            "packages": made.sizes,
        }
        print(json.dumps(told, indent=2))
        return
    terminal = Terminal(sys.stdout)
    size = f"{megabytes(len(made.content))}, unzipped {megabytes(made.unzipped)}"
    terminal.line(f"{terminal.bold(str(file))}  {size}")
    for name, bytes_ in list(made.sizes.items())[:SHOWN]:
        terminal.line(terminal.dim(f"  {megabytes(bytes_):>9}  {name}"))
    terminal.line(f"for      {made.target.runtime} on {made.target.architecture}, handler {HANDLER}")
    terminal.line(f"checked  {made.checked}")
    terminal.line(f"sha256   {made.digest}")
