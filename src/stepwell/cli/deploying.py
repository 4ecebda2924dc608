"""What deploy, diff and destroy share: their options, the deployment that is meant, and how it is shown."""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from stepwell.cli import side
from stepwell.cli.named import target_argument
from stepwell.cli.package import bundle_arguments, bundled
from stepwell.errors import BeyondLimits, UsageError

if TYPE_CHECKING:
    from stepwell.aws.deployment import Deployment, Plan
    from stepwell.aws.stack import Event
    from stepwell.cli.terminal import Terminal
    from stepwell.pipeline.pipeline import Pipeline

SIGNS = {"Add": ("+", "green"), "Modify": ("~", "yellow"), "Remove": ("-", "red")}


def arguments(parser: ArgumentParser) -> None:
    target_argument(parser)
    stack_arguments(parser)
    parser.add_argument(
        "--parameter-overrides",
        metavar="NAME=VALUE",
        nargs="+",
        default=[],
        help="parameters of the template, or file://FILE of a JSON object; the others stay as they are",
    )
    bundle_arguments(parser)


def stack_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--stack", metavar="NAME", help="the stack, which names everything in it (default: as the pipeline)"
    )
    parser.add_argument(
        "--bucket", metavar="NAME", help="for the code (default: stepwell-ACCOUNT-REGION, made if need be)"
    )
    side.connection_arguments(parser)


def must_fit(pipeline: "Pipeline") -> None:
    """Raises BeyondLimits, before AWS is asked for anything.

    The size of the package is judged where it is made; what is deployed is named after the stack, not the pipeline.
    """
    from stepwell.cli.limits import measured

    limits = measured(pipeline, None, None, database=False)
    broken = [each for each in limits if each.broken and each.limit.key != "unzipped" and each.about != pipeline.name]
    if broken:
        told = "\n".join(f"{each}; {each.limit.remedy}" if each.limit.remedy else str(each) for each in broken)
        raise BeyondLimits(f"{told}\nNothing was deployed. All figures: stepwell check --aws")


def deployment(pipeline: "Pipeline", options: Namespace) -> "Deployment":
    """Everything is made here; nothing on AWS is changed yet."""
    from stepwell.aws.code import Code
    from stepwell.aws.deployment import Deployment, check_stack_name, stack_name
    from stepwell.aws.stack import Stack
    from stepwell.aws.template import template

    session = side.session(options)
    name = check_stack_name(options.stack or stack_name(pipeline.name))
    code = Code(session, name, options.bucket)
    stack = Stack(session, name, pipeline.name)
    made = bundled(pipeline, options)
    return Deployment(session, stack, code, template(pipeline, made.target), made)


def parameters(words: Iterable[str]) -> dict[str, str]:
    """As `aws cloudformation deploy` takes them: Name=Value, or a file."""
    found: dict[str, str] = {}
    for word in words:
        name, given, value = word.partition("=")
        if word.startswith("file://"):
            found |= _from_file(word.removeprefix("file://"))
        elif given:
            found[name] = value
        else:
            raise UsageError(f"--parameter-overrides {word}: write Name=Value, or file://FILE")
    return found


def _from_file(name: str) -> dict[str, str]:
    try:
        told = json.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"--parameter-overrides file://{name} cannot be read: {error}") from None
    if isinstance(told, list) and all(isinstance(each, dict) and "ParameterKey" in each for each in told):
        told = {each["ParameterKey"]: each.get("ParameterValue", "") for each in told}
    if not isinstance(told, dict):
        raise UsageError(f'{name} must hold a JSON object of parameters, such as {{"MemorySize": 2048}}')
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in told.items()}


def show_plan(terminal: "Terminal", deployment: "Deployment", plan: "Plan") -> None:
    from stepwell.aws.bundle import megabytes

    verb = "changes" if plan.exists else "is new"
    terminal.line(f"stack {terminal.bold(deployment.stack.name)} {verb}, in {deployment.session.region}")
    width = max((len(change.resource) for change in plan.changes), default=0)
    for change in plan.changes:
        sign, colour = SIGNS.get(change.action, ("?", "yellow"))
        notes = ["made anew"] if change.replaced and change.action == "Modify" else []
        notes += [", ".join(change.what)] if change.what and plan.exists else []
        text = f"  {terminal.paint(sign, colour)} {change.resource:<{width}}  {terminal.dim(change.type)}"
        terminal.line("   ".join([text, *notes]))
    digest, size = deployment.bundle.digest[:12], megabytes(len(deployment.bundle.content))
    if plan.running != deployment.bundle.digest:
        was = f", was {plan.running[:12]}" if plan.running else ""
        terminal.line(f"  {terminal.yellow('~')} the code: {size}, {digest}{was}")


def watch(terminal: "Terminal", events: "Iterable[Event]") -> list["Event"]:
    """Print what happens to each resource; what has failed."""
    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    good, bad = ("✓", "✗") if unicode else ("+", "x")
    failed = []
    for event in events:
        if event.is_failure:
            failed.append(event)
            terminal.line(f"  {terminal.red(bad)} {event.resource}  {event.status}: {event.reason}")
        elif event.is_end:
            words = event.status.lower().replace("_complete", "d").replace("_", " ").replace("created", "made")
            terminal.line(f"  {terminal.green(good)} {event.resource}  {terminal.dim(words)}")
    return failed


def agreed(question: str, yes: bool, answer: str = "y") -> bool:
    """Ask on a terminal; elsewhere --yes must have been given."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError("nobody can be asked here: give --yes, or look first with --dry-run or `stepwell diff`")
    return input(question).strip().lower() == answer.lower()
