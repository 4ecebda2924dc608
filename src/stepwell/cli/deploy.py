"""Put the pipeline on AWS: one Lambda function, one state machine, one table, in one CloudFormation stack.

What would change is shown first, and asked about. If only the code has changed, only the function is updated, in
seconds. What fails is rolled back. A stack, a state machine or a function that Stepwell has not made is left alone.

examples:
  stepwell deploy --dry-run
  stepwell deploy --parameter-overrides DatabaseUrlSecret=arn:aws:secretsmanager:… AlarmEmail=data@example.org
  stepwell deploy --stack visits-staging --profile staging --yes
"""

import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from stepwell.cli import deploying

if TYPE_CHECKING:
    from stepwell.aws.deployment import Deployment, Plan
    from stepwell.cli.terminal import Terminal


def arguments(parser: ArgumentParser) -> None:
    deploying.arguments(parser)
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")


def main(options: Namespace) -> int:
    from stepwell.cli.terminal import Terminal
    from stepwell.pipeline.find import find_pipeline

    terminal = Terminal(sys.stdout)
    given = deploying.parameters(options.parameter_overrides)
    pipeline = find_pipeline(options.target)
    deploying.must_fit(pipeline)
    deployment = deploying.deployment(pipeline, options)
    plan = deployment.plan(given)
    if not plan.change_set and not plan.code_only:
        terminal.line(f"stack {terminal.bold(deployment.stack.name)} is as it should be: nothing to do")
        return 0
    deploying.show_plan(terminal, deployment, plan)
    if options.dry_run or not _agreed(deployment, plan, options.yes):
        _withdraw(deployment, plan)
        terminal.line("nothing was changed")
        return 0
    terminal.line()
    deployment.upload()
    done = _update_code(terminal, deployment) if plan.code_only else _change(terminal, deployment, plan)
    if done:
        _tell_next(terminal, deployment, options)
    return 0 if done else 1


def _agreed(deployment: "Deployment", plan: "Plan", yes: bool) -> bool:
    try:
        return deploying.agreed("\nDeploy this? [y/N] ", yes)
    except BaseException:
        _withdraw(deployment, plan)
        raise


def _withdraw(deployment: "Deployment", plan: "Plan") -> None:
    if plan.change_set:
        deployment.stack.withdraw(plan.change_set, plan.exists)


def _update_code(terminal: "Terminal", deployment: "Deployment") -> bool:
    """Only the function is touched: a change of the stack would take its time to find that nothing else differs."""
    deployment.code.switch(deployment.bundle.digest)
    terminal.line(f"  {terminal.green('✓')} Function  {terminal.dim('code updated')}")
    return True


def _change(terminal: "Terminal", deployment: "Deployment", plan: "Plan") -> bool:
    failed = deploying.watch(terminal, deployment.stack.execute(plan.change_set))
    status = deployment.stack.status() or ""
    if not failed and status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        return True
    terminal.line()
    for event in failed[:1]:
        terminal.line(f"{terminal.red('error:')} {event.resource} ({event.type}): {event.reason}")
    if plan.exists:
        put_back = deployment.put_back(plan)
        code = ", and the function has the code that it had" if put_back else ""
        terminal.line(f"the stack was rolled back: it is as it was{code}")
    else:
        deploying.watch(terminal, deployment.stack.delete())
        terminal.line("nothing is left of it: what had been made was removed again")
    return False


def _tell_next(terminal: "Terminal", deployment: "Deployment", options: Namespace) -> None:
    from stepwell.aws.machine import Machine

    name = deployment.stack.name
    region = deployment.session.region
    machine = Machine(deployment.session, name)
    from stepwell.cli.side import flags

    options.state_machine = None if name == deployment.stack.pipeline else name
    where = flags(options)
    console = f"https://{region}.console.aws.amazon.com"
    for line in (
        "",
        f"state machine  {console}/states/home?region={region}#/statemachines/view/{machine.arn}",
        f"function       {console}/lambda/home?region={region}#/functions/{name}",
        f"stack          {console}/cloudformation/home?region={region}#/stacks?filteringText={name}",
        "",
        "Next:",
        "",
        f"  stepwell run{where}",
        f"  stepwell runs{where}",
    ):
        terminal.line(line)
