"""Show the chunks that a task would be done in: how many, how even, which keys are large, and three of them explained.

The table is cut as a run would cut it, the SQL is proven, and PostgreSQL explains three of the chunks. Nothing is run,
and nothing is kept.

examples:
  stepwell plan task_02
  stepwell plan task_02 --input '{"days": 7}'
"""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from stepwell.cli.named import target_argument
from stepwell.errors import UsageError

if TYPE_CHECKING:
    from stepwell.cli.terminal import Terminal

LONGEST = 3600  # seconds that planning may take here


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("task", metavar="TASK", help="a task with chunks=")
    target_argument(parser)
    parser.add_argument("--input", metavar="JSON", default="{}", help="parameters, for instance '{\"days\": 7}'")
    parser.add_argument("--json", action="store_true", help="print the plan as one JSON object")


def main(options: Namespace) -> int:
    import sys

    from stepwell.cli.invoke import invoked, parsed, report
    from stepwell.cli.terminal import Terminal
    from stepwell.pipeline.find import find_pipeline

    pipeline = find_pipeline(options.target)
    if pipeline.action(options.task).chunks is None:
        raise UsageError(f"task {options.task!r} is not done in chunks: add chunks=Chunks(TABLE, by=(…)) to it")
    event = {"action": options.task, "phase": "show", "input": parsed(options.input), "timeout": LONGEST}
    response = invoked(pipeline, event, LONGEST)
    if response.text is None:
        return report(options.task, response)
    plan = json.loads(response.text)
    if options.json:
        print(json.dumps(plan, ensure_ascii=False))
        return 0
    terminal = Terminal(sys.stdout)
    for line in _lines(terminal, plan):
        terminal.line(line)
    return 0


def _lines(terminal: "Terminal", plan: dict[str, Any]) -> Iterator[str]:
    from stepwell.cli.terminal import count, duration

    chunks = f"{count(plan['chunks'])} chunk{'' if plan['chunks'] == 1 else 's'}"
    yield f"{terminal.bold(plan['task'])} in {chunks} of {plan['table']} by {', '.join(plan['by'])}"
    yield ""
    yield f"  rows       {count(plan['rows'])}, planned in {duration(plan['seconds'])}"
    balance = {name: count(rows) for name, rows in plan["balance"].items()}
    yield f"  a chunk    {balance['min']} to {balance['max']} rows, wanted {count(plan['wanted'])}"
    if plan["chunks"] >= 100:
        yield f"             98 of 100 have {balance['p1']} to {balance['p99']}"
    yield f"  lanes      {plan['lanes']}"
    if plan["index"]:  # else that is one of the findings
        yield f"  index      {plan['index']}"
    for text in plan["findings"]:
        yield f"  {terminal.yellow('!')} {text}"
    if plan["oversized"]:
        yield f"\n  cannot be cut smaller: {plan['oversized'][0]}"
        yield from (f"                         {each}" for each in plan["oversized"][1:10])
    yield "\n  largest keys"
    for each in plan["largest_keys"]:
        key = ", ".join("NULL" if value is None else value for value in each["key"])
        yield f"    {count(each['rows']):>12}  {key}"
    for each in plan["explained"]:
        yield f"\n  {terminal.bold(each['chunk'])}: PostgreSQL expects {count(each['estimated'])}"
        for statement in each["plans"]:
            yield f"    statement in line {statement['line']}"
            yield from (f"      {terminal.dim(line)}" for line in statement["plan"])
