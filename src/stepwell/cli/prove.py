"""Try on your own data whether a task does in chunks what it does as a whole, and twice what it does once.

Everything runs in transactions that are rolled back. The task is refused before it is tried if its SQL cannot be proven
safe; otherwise the rows that both ways leave are compared.
"""

import json
from argparse import ArgumentParser, Namespace
from typing import Any

from stepwell.cli.named import target_argument
from stepwell.errors import UsageError

LONGEST = 86_400  # seconds that a proof may take here


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("task", metavar="TASK", help="a task with chunks=")
    target_argument(parser)
    parser.add_argument("--input", metavar="JSON", default="{}", help="parameters, for instance '{\"days\": 7}'")
    parser.add_argument("--json", action="store_true", help="print what was found as one JSON object")


def main(options: Namespace) -> int:
    from stepwell.cli.invoke import invoked, parsed, report
    from stepwell.pipeline.find import find_pipeline

    pipeline = find_pipeline(options.target)
    if pipeline.action(options.task).chunks is None:
        raise UsageError(
            f"task {options.task!r} is not done in chunks: add chunks=Chunks(TABLE, by=(…)) to it, then prove it"
        )
    event = {"action": options.task, "phase": "prove", "input": parsed(options.input), "timeout": LONGEST}
    response = invoked(pipeline, event, LONGEST)
    if response.text is None:
        return report(options.task, response)
    found = json.loads(response.text)
    if options.json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        _tell(found)
    return 0 if found["chunk_safe"] else 1


def _tell(found: dict[str, Any]) -> None:
    import sys

    from stepwell.cli.terminal import Terminal, count

    terminal = Terminal(sys.stdout)
    task, tables = terminal.bold(found["task"]), ", ".join(found["tables"]) or "nothing: it changed no table"
    tried = f"{count(found['chunks'])} chunks of {count(found['rows'])} rows, in an order of chance"
    if found["chunk_safe"]:
        terminal.line(f"{terminal.green('✓')} {task} is chunk-safe: {tried}, leave what the whole task leaves")
    else:
        terminal.line(f"{terminal.red('✗')} {task} is not chunk-safe: {tried}, leave something else")
        _differences(terminal, found["in_chunks"], "whole", "chunks")
    if found["idempotent"]:
        terminal.line(f"{terminal.green('✓')} it is idempotent: run twice, it leaves what it leaves once")
    else:
        terminal.line(f"{terminal.yellow('!')} it is not idempotent: run twice, it leaves something else")
        terminal.line(
            terminal.dim("  The ledger applies each chunk once, so runs are safe; doing the task again is not.")
        )
        _differences(terminal, found["twice"], "once", "twice")
    terminal.line(terminal.dim(f"  compared: {tables}"))
    if found["skipped"]:
        terminal.line(terminal.dim(f"  not compared, since two whole runs differ: {', '.join(found['skipped'])}"))


def _differences(terminal: Any, differences: list[dict[str, Any]], expected: str, found: str) -> None:
    width = max(len(expected), len(found))
    for each in differences:
        terminal.line(f"    {each['table']} ({', '.join(each['columns'])})")
        for name, rows, number in (
            (expected, each["expected"], each["missing"]),
            (found, each["found"], each["surplus"]),
        ):
            for row in rows:
                terminal.line(f"      {name:<{width}}  {row}")
            if number > len(rows):
                terminal.line(terminal.dim(f"      {'':<{width}}  … {number:,} rows in all"))
