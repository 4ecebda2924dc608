"""Look for mistakes in the pipeline without running anything: settings, SQL files, parameters, timeouts.

Without mistakes it prints the timeout ladder. A task's own deadline comes first, so that it can roll back and say why;
then Step Functions gives up on the task, then Lambda ends the function, last Step Functions ends the whole run.
"""

import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from stepwell.errors import InvalidDefinition, StepwellError

if TYPE_CHECKING:
    from stepwell.pipeline.pipeline import Pipeline

Problem = dict[str, str]


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("target", nargs="?", help="folder, file or module:pipeline (default: ./pipeline.py)")
    parser.add_argument("--json", action="store_true", help="print a JSON object")


def main(options: Namespace) -> int:
    from stepwell.cli.main import USAGE

    pipeline, found = _found(options)
    ladder = _ladder(pipeline) if pipeline is not None and not found else None
    if options.json:
        _print_json(pipeline, found, ladder)
    elif ladder is not None and pipeline is not None:
        _print_ladder(pipeline, ladder)
    else:
        _print_problems(found)
    return USAGE if found else 0


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


def _print_json(pipeline: "Pipeline | None", found: list[Problem], ladder: dict[str, Any] | None) -> None:
    import json

    name = None if pipeline is None else pipeline.name
    print(json.dumps({"pipeline": name, "problems": found, "timeouts": ladder}, indent=2))


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
