"""Print the pipeline as a state machine in the Amazon States Language: the same bytes for the same pipeline.

examples:
  stepwell compile
  stepwell compile --lambda-arn arn:aws:lambda:eu-west-1:111122223333:function:visits --output machine.json
"""

from argparse import ArgumentParser, Namespace

from stepwell.cli import output
from stepwell.cli.named import target_argument


def arguments(parser: ArgumentParser) -> None:
    target_argument(parser)
    parser.add_argument("--lambda-arn", metavar="ARN", help="the function that the tasks call (default: the local one)")
    output.arguments(parser)


def main(options: Namespace) -> int:
    from stepwell.api.arns import function_arn
    from stepwell.pipeline.compile import compile_machine, to_json
    from stepwell.pipeline.find import find_pipeline

    pipeline = find_pipeline(options.target)
    text = to_json(compile_machine(pipeline, options.lambda_arn or function_arn(pipeline.name))) + "\n"
    output.put(text, options.output)
    return 0
