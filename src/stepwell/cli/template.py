"""Print the pipeline's CloudFormation template: function, state machine, table, roles, logs, schedule and alarms.

It needs no macros, and no Stepwell where it is deployed: `aws cloudformation deploy` takes it, with the zip that
`stepwell package` makes in a bucket. What differs between environments is a parameter.

examples:
  stepwell template > visits.yaml
  aws cloudformation deploy --template-file visits.yaml --stack-name visits --capabilities CAPABILITY_IAM
    --parameter-overrides CodeBucket=… CodeKey=visits.zip DatabaseUrlSecret=arn:aws:secretsmanager:…
"""

from argparse import ArgumentParser, Namespace

from stepwell.cli import output
from stepwell.cli.named import target_argument


def arguments(parser: ArgumentParser) -> None:
    target_argument(parser)
    parser.add_argument("--python", metavar="VERSION", help="of Lambda, such as 3.13 (default: this one, from 3.12 on)")
    parser.add_argument("--architecture", metavar="NAME", help="arm64 or x86_64 (default: arm64)")
    output.arguments(parser)


def main(options: Namespace) -> int:
    from stepwell.aws.target import target
    from stepwell.aws.template import template
    from stepwell.pipeline.find import find_pipeline

    text = template(find_pipeline(options.target), target(options.python, options.architecture))
    output.put(text, options.output)
    return 0
