"""Look for mistakes in the pipeline without running anything: settings, SQL files, parameters, timeouts.

Without mistakes it prints the timeout ladder. A task's own deadline comes first, so that it can roll back and say why;
then Step Functions gives up on the task, then Lambda ends the function, last Step Functions ends the whole run.

With `--aws` the pipeline is also measured against what AWS allows, and against its database's connections: each figure
with its limit and what is left. Nothing is asked of AWS.
"""

import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from stepwell.cli.named import target_argument
from stepwell.errors import InvalidDefinition, StepwellError

if TYPE_CHECKING:
    from stepwell.pipeline.pipeline import Pipeline

Problem = dict[str, str]


def arguments(parser: ArgumentParser) -> None:
    target_argument(parser)
    parser.add_argument("--aws", action="store_true", help="also look at every limit of AWS that can be known")
    parser.add_argument("--memory", type=int, metavar="MB", help="with --aws: of the function (default: 1024)")
    parser.add_argument("--processors", type=int, metavar="N", help="with --aws: those that the database has")
    parser.add_argument(
        "--no-database", action="store_true", help="with --aws: do not ask the database for connections"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object")


def main(options: Namespace) -> int:
    from stepwell.cli.main import USAGE

    pipeline, found = _found(options)
    ladder = _ladder(pipeline) if pipeline is not None and not found else None
    if pipeline is not None and ladder is not None and options.aws:
        return _on_aws(pipeline, options, ladder)
    if options.json:
        _print_json(pipeline, found, ladder)
    elif ladder is not None and pipeline is not None:
        _print_ladder(pipeline, ladder)
    else:
        _print_problems(found)
    return USAGE if found else 0


def _on_aws(pipeline: "Pipeline", options: Namespace, ladder: dict[str, Any]) -> int:
    """The ladder, and every limit; 1 if one is broken."""
    from stepwell.cli.limits import as_json, lines, measured
    from stepwell.cli.main import FAILED
    from stepwell.cli.terminal import Terminal

    limits = measured(pipeline, options.memory, options.processors, not options.no_database)
    broken = sum(each.broken for each in limits)
    if options.json:
        _print_json(pipeline, [], ladder, as_json(limits))
        return FAILED if broken else 0
    terminal = Terminal(sys.stdout)
    _print_ladder(pipeline, ladder)
    terminal.line()
    for line in lines(terminal, limits):
        terminal.line(line)
    terminal.line()
    near = sum(each.near for each in limits)
    if broken:
        terminal.line(terminal.red(f"{broken} of {len(limits)} limits of AWS would be broken"))
    else:
        terminal.line(terminal.green(f"within all {len(limits)} limits") + (f", close to {near}" if near else ""))
    return FAILED if broken else 0


def _found(options: Namespace) -> "tuple[Pipeline | None, list[Problem]]":
    """The pipeline, and what is wrong with it. One that cannot be found or imported is a mistake too."""
    from stepwell.pipeline.find import find_pipeline

    try:
        pipeline = find_pipeline(options.target)
    except StepwellError as error:
        if not options.json:
            raise
        return None, [_problem("", error.message)]
    return pipeline, _problems(pipeline)


def _problem(place: str, message: str, remedy: str = "") -> Problem:
    return {"place": place, "message": message, "remedy": remedy}


def _problems(pipeline: "Pipeline") -> list[Problem]:
    """The pipeline's own mistakes; only where there are none is the machine looked at."""
    from stepwell.asl.machine import parse_machine
    from stepwell.pipeline.check import check

    found = [_problem(*problem) for problem in check(pipeline)]
    if found:
        return found
    try:
        parse_machine(_compiled(pipeline))
    except InvalidDefinition as error:
        return [_problem(pipeline.place, line) for line in error.message.splitlines()]
    return []


def _compiled(pipeline: "Pipeline") -> dict[str, Any]:
    from stepwell.api.arns import function_arn
    from stepwell.pipeline.compile import compile_machine

    return compile_machine(pipeline, function_arn(pipeline.name))


def _ladder(pipeline: "Pipeline") -> dict[str, Any]:
    """All times in seconds."""
    from stepwell.pipeline.deadline import margin

    return {
        "tasks": [
            {
                "task": task.name,
                "deadline": round(task.timeout - margin(task.timeout), 3),
                "timeout": task.timeout,
                "attempts": 1 + task.retry.max_attempts,
            }
            for task in pipeline.tasks
        ],
        "function": max(task.timeout for task in pipeline.tasks),
        "machine": _compiled(pipeline)["TimeoutSeconds"],
    }


# Printing


def _print_json(
    pipeline: "Pipeline | None", found: list[Problem], ladder: dict[str, Any] | None, limits: Any = None
) -> None:
    import json

    told = {"pipeline": None if pipeline is None else pipeline.name, "problems": found, "timeouts": ladder}
    print(json.dumps(told if limits is None else told | {"limits": limits}, indent=2))


def _print_problems(found: list[Problem]) -> None:
    from stepwell.cli.terminal import Terminal

    terminal = Terminal(sys.stdout)
    for each in found:
        place = f"{terminal.bold(each['place'])}: " if each["place"] else ""
        remedy = f"; {each['remedy']}" if each["remedy"] else ""
        terminal.line(f"{place}{each['message']}{remedy}")
    terminal.line(terminal.red("1 mistake" if len(found) == 1 else f"{len(found)} mistakes"))


def _print_ladder(pipeline: "Pipeline", ladder: dict[str, Any]) -> None:
    from stepwell.cli.terminal import Terminal, duration, table

    terminal = Terminal(sys.stdout)
    rows = [
        [
            each["task"],
            f"{each['deadline']:g} s",
            f"{each['timeout']} s",
            f"{ladder['function']} s",
            str(each["attempts"]),
        ]
        for each in ladder["tasks"]
    ]
    head, *lines = table(("TASK", "DEADLINE", "TIMEOUT", "FUNCTION", "ATTEMPTS"), rows, right=(1, 2, 3, 4))
    terminal.line(f"pipeline {pipeline.name}: {terminal.green('no mistakes')}")
    terminal.line()
    terminal.line(terminal.bold(head))
    for line in lines:
        terminal.line(line)
    seconds = ladder["machine"]
    terminal.line()
    terminal.line(f"A run may take {seconds:,} s ({duration(seconds)}): every attempt of every task up to its timeout.")
