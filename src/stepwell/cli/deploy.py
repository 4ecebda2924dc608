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
from collections.abc import Iterator
from contextlib import contextmanager
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
    with _withdrawn_if_it_fails(deployment, plan):
        agreed = not options.dry_run and deploying.agreed("\nDeploy this? [y/N] ", options.yes)
        if agreed:
            terminal.line()
            deployment.upload()
    if not agreed:
        _withdraw(deployment, plan)
        terminal.line("nothing was changed")
        return 0
    done = _update_code(terminal, deployment) if plan.code_only else _change(terminal, deployment, plan)
    if done:
        _tell_next(terminal, deployment, options)
    return 0 if done else 1


@contextmanager
def _withdrawn_if_it_fails(deployment: "Deployment", plan: "Plan") -> Iterator[None]:
    try:
        yield
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
    terminal.line(_put_back(deployment, plan, status) if plan.exists else _removed(terminal, deployment))
    return False


def _put_back(deployment: "Deployment", plan: "Plan", status: str) -> str:
    from stepwell.aws.deployment import stuck

    if status != "UPDATE_ROLLBACK_COMPLETE":
        return stuck(deployment.stack.name, status)
    code = ", and the function has the code that it had" if deployment.put_back(plan) else ""
    return f"the stack was rolled back: it is as it was{code}"


def _removed(terminal: "Terminal", deployment: "Deployment") -> str:
    deploying.watch(terminal, deployment.stack.delete())
    status = deployment.stack.status()
    if status is None:
        return "nothing is left of it: what had been made was removed again"
    name = deployment.stack.name
    return (
        f"something of it is left ({status}): `stepwell destroy --stack {name}` removes it once nothing is in the way"
    )


def _tell_next(terminal: "Terminal", deployment: "Deployment", options: Namespace) -> None:
    from stepwell.aws.machine import Machine

    name = deployment.stack.name
    region = deployment.session.region
    machine = Machine(deployment.session, name)
    from stepwell.cli.side import flags

    options.state_machine = None if name == deployment.stack.pipeline else name
    where = flags(options)
    console = f"https://{region}.{deployment.session.domains[1]}"
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
