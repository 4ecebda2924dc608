"""Measure a sample of a task's chunks at several sizes and lanes on your data, and recommend rows, lanes and memory.

Everything runs in transactions that are rolled back, on this machine against the pipeline's database: what counts is
where the database is the limit. A size is as good as the best if it makes 95 % of its rows a second, lanes if 90 %.

examples:
  stepwell tune task_02
  stepwell tune task_02 --seconds 300 --input '{"days": 365}'
"""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from stepwell.cli.named import target_argument
from stepwell.errors import UsageError

if TYPE_CHECKING:
    from stepwell.cli.terminal import Terminal


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("task", metavar="TASK", help="a task with chunks=")
    target_argument(parser)
    parser.add_argument("--seconds", type=int, default=120, metavar="N", help="at most so long (default: 120)")
    parser.add_argument("--input", metavar="JSON", default="{}", help="parameters, for instance '{\"days\": 7}'")
    parser.add_argument("--json", action="store_true", help="print what was measured as one JSON object")


def main(options: Namespace) -> int:
    from stepwell.cli.invoke import invoked, parsed, report
    from stepwell.cli.terminal import Terminal
    from stepwell.insight.cost import memory_for
    from stepwell.pipeline.find import find_pipeline

    if options.seconds < 5:
        raise UsageError("--seconds must be 5 or more")
    pipeline = find_pipeline(options.target)
    if pipeline.action(options.task).chunks is None:
        raise UsageError(
            f"task {options.task!r} is not done in chunks: `stepwell forecast --diff {options.task}` says how to cut it"
        )
    event = {"action": options.task, "phase": "tune", "input": parsed(options.input), "timeout": options.seconds}
    response = invoked(pipeline, event, options.seconds + 10)
    if response.text is None:
        return report(options.task, response)
    found = json.loads(response.text)
    most = pipeline.max_connections or found["best_lanes"]
    found |= {"best_lanes": min(most, found["best_lanes"]), "memory_mb": memory_for(found["mb"])}
    if options.json:
        print(json.dumps(found))
        return 0
    terminal = Terminal(sys.stdout)
    for line in _lines(terminal, found):
        terminal.line(line)
    return 0


def _lines(terminal: "Terminal", found: dict[str, Any]) -> Iterator[str]:
    from stepwell.cli.terminal import count

    yield f"{terminal.bold(found['task'])}: {count(found['rows'])} rows of {found['table']} by {', '.join(found['by'])}"
    for name, key, best in (("ROWS A CHUNK", "sizes", "best_rows"), ("LANES", "lanes", "best_lanes")):
        yield ""
        yield from _table(terminal, name, found[key], found[best])
    by = ", ".join(f'"{name}"' for name in found["by"])
    key = by if len(found["by"]) == 1 else f"({by})"
    yield ""
    yield terminal.green(
        f'chunks=Chunks("{found["table"]}", by={key}, rows={found["best_rows"]:_}, parallel={found["best_lanes"]})'
    )
    yield f"memory: it used {count(found['mb'])} MB, so {count(found['memory_mb'])} MB"


def _table(terminal: "Terminal", name: str, speeds: list[dict[str, Any]], best: int) -> Iterator[str]:
    from stepwell.cli.terminal import count, duration, table

    rows = [[count(s["of"]), count(s["rows"]), duration(s["seconds"]), count(round(s["speed"]))] for s in speeds]
    head, *body = table((name, "SAMPLE", "TOOK", "ROWS/S"), rows, right=(0, 1, 2, 3))
    yield terminal.bold(head)
    for speed, line in zip(speeds, body, strict=True):
        yield terminal.green(line) if speed["of"] == best else line
