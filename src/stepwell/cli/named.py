"""What commands are told by name, with the same words in each: which pipeline, which run."""

from argparse import ArgumentParser


def target_argument(parser: ArgumentParser) -> None:
    parser.add_argument("target", metavar="TARGET", nargs="?", help="folder, file or module:pipeline (default: here)")


def run_argument(parser: ArgumentParser) -> None:
    parser.add_argument(
        "run", metavar="RUN", nargs="?", help="a run's name, the beginning of one, or an ARN (default: the newest)"
    )
