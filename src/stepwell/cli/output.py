"""Where a command's text goes: to stdout, or to the file that was named."""

import sys
from argparse import ArgumentParser

from stepwell.errors import UsageError


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--output", "-o", metavar="FILE", help="write to this file instead of stdout")


def put(text: str, file: str | None) -> None:
    """Raises UsageError if the file cannot be written."""
    if file is None:
        sys.stdout.write(text)
        return
    try:
        with open(file, "w", encoding="utf-8") as opened:
            opened.write(text)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from None
