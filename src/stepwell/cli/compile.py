"""Print the pipeline as a state machine in the Amazon States Language: the same bytes for the same pipeline.

examples:
  stepwell compile
  stepwell compile --lambda-arn arn:aws:lambda:eu-west-1:111122223333:function:visits --output machine.json
"""

import sys
from argparse import ArgumentParser, Namespace

from stepwell.errors import UsageError


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("target", nargs="?", help="folder, file or module:pipeline (default: ./pipeline.py)")
    parser.add_argument("--lambda-arn", metavar="ARN", help="the function that the tasks call (default: the local one)")
    parser.add_argument("--output", "-o", metavar="FILE", help="write to this file instead of stdout")


def main(options: Namespace) -> int:
    from stepwell.api.arns import function_arn
    from stepwell.pipeline.compile import compile_machine, to_json
    from stepwell.pipeline.find import find_pipeline

    pipeline = find_pipeline(options.target)
    text = to_json(compile_machine(pipeline, options.lambda_arn or function_arn(pipeline.name))) + "\n"
    if options.output is None:
        sys.stdout.write(text)
        return 0
    try:
        with open(options.output, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{options.output} cannot be written: {error.strerror}") from None
    return 0
