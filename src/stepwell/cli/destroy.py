"""Remove what `stepwell deploy` has made: the stack with everything in it, and its code in the bucket.

Asks for the stack's name. The target database is left as it is, the schema `stepwell` in it included.
"""

import sys
from argparse import ArgumentParser, Namespace

from stepwell.cli import deploying, side
from stepwell.cli.named import target_argument
from stepwell.errors import UsageError


def arguments(parser: ArgumentParser) -> None:
    target_argument(parser)
    deploying.stack_arguments(parser)
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")


def main(options: Namespace) -> int:
    from stepwell.aws.code import Code
    from stepwell.aws.deployment import check_stack_name, stack_name
    from stepwell.aws.stack import Stack
    from stepwell.cli.terminal import Terminal
    from stepwell.pipeline.find import find_pipeline

    terminal = Terminal(sys.stdout)
    pipeline = find_pipeline(options.target)
    session = side.session(options)
    name = check_stack_name(options.stack or stack_name(pipeline.name))
    stack = Stack(session, name, pipeline.name)
    if stack.described() is None:
        raise UsageError(f"there is no stack {name} in {session.region}")
    question = f"Everything in the stack {name} will be removed. Its name, to go on: "
    if not deploying.agreed(question, options.yes, name):
        terminal.line("nothing was removed")
        return 0
    failed = deploying.watch(terminal, stack.delete())
    if failed or stack.status() is not None:
        terminal.line(f"{terminal.red('error:')} the stack {name} could not be removed: {stack.status()}")
        return 1
    count = Code(session, name, options.bucket).remove_all()
    terminal.line(f"the stack {name} is gone, and {count} bundle{'' if count == 1 else 's'} of it")
    return 0
