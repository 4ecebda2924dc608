"""Show what `stepwell deploy` would change: the resources, the lines of the template, and whether the code differs.

Nothing is changed. With --exit-code it is 1 where there is a difference.
"""

import sys
from argparse import ArgumentParser, Namespace
from difflib import unified_diff

from stepwell.cli import deploying

COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def arguments(parser: ArgumentParser) -> None:
    deploying.arguments(parser)
    parser.add_argument("--exit-code", action="store_true", help="end with 1 if something differs")


def main(options: Namespace) -> int:
    from stepwell.cli.terminal import Terminal
    from stepwell.pipeline.find import find_pipeline

    terminal = Terminal(sys.stdout)
    given = deploying.parameters(options.parameter_overrides)
    deployment = deploying.deployment(find_pipeline(options.target), options)
    plan = deployment.plan(given)
    if plan.change_set:
        deployment.stack.withdraw(plan.change_set, plan.exists)
    if not plan.change_set and not plan.code_only:
        terminal.line(f"stack {terminal.bold(deployment.stack.name)} is as it should be: no difference")
        return 0
    deploying.show_plan(terminal, deployment, plan)
    if plan.exists:
        before, now = plan.before.splitlines(), deployment.template.splitlines()
        for line in unified_diff(before, now, "deployed", "here", lineterm=""):
            terminal.line(terminal.paint(line, COLOURS.get(line[:1], "")) if line[:1] in COLOURS else line)
    return 1 if options.exit_code else 0
