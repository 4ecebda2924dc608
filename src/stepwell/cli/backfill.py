"""Run the pipeline once for each business date of a span, some of them at the same time.

Each date is a run of its own, with that date as its window, so that its tasks are applied once whatever happens. Killed
at any moment, the same command goes on: what has succeeded is not run again, what was under way or has failed is
resumed. In the text of --input, {window} (or {first}) and {last} stand for the days of a window.

examples:
  stepwell backfill --start 2026-06-01 --end 2026-06-30 --parallel 4 --input '{"as_of": "{window}"}'
  stepwell backfill --start 2026-01-01 --end 2026-12-31 --every month --input '{"from": "{first}", "to": "{last}"}'
  stepwell backfill --start 2026-06-01 --end 2026-06-30 --name again      once more, under other names
"""

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from datetime import date
from typing import Any

from stepwell.cli.named import target_argument
from stepwell.errors import UsageError
from stepwell.operate.backfill import DAY, MONTH, WEEK, Window, windows

MOST = 40  # at the same time


def arguments(parser: ArgumentParser) -> None:
    target_argument(parser)
    parser.add_argument("--start", type=_day, required=True, metavar="DATE", help="the first day, as 2026-06-01")
    parser.add_argument("--end", type=_day, required=True, metavar="DATE", help="the last day, included")
    parser.add_argument("--every", choices=(DAY, WEEK, MONTH), default=DAY, help="a window has this length")
    parser.add_argument("--parallel", type=int, default=1, metavar="N", help=f"windows at a time, at most {MOST}")
    parser.add_argument("--input", metavar="JSON", default="{}", help="parameters; {window} is the date")
    parser.add_argument("--name", metavar="NAME", default="backfill", help="runs are called NAME-DATE")
    parser.add_argument("--json", action="store_true", help="print one JSON object in the end")


def main(options: Namespace) -> int:
    from stepwell.cli.filling import Filling
    from stepwell.cli.main import FAILED, INTERRUPTED
    from stepwell.cli.terminal import Terminal
    from stepwell.pipeline.find import find_pipeline

    if not 1 <= options.parallel <= MOST:
        raise UsageError(f"--parallel must be from 1 to {MOST}")
    pipeline = find_pipeline(options.target)
    wanted = windows(options.start, options.end, options.every)
    inputs = _inputs(options.input, wanted)
    _check(pipeline, inputs)
    terminal = None if options.json else Terminal(sys.stdout)
    filling = Filling(pipeline, options.name, inputs, options.parallel, terminal)
    interrupted = filling.run()
    if options.json:
        print(json.dumps(filling.summary(), default=str))
    return INTERRUPTED if interrupted else FAILED if filling.failures else 0


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no date like 2026-06-01") from None


def _inputs(text: str, wanted: list[Window]) -> dict[Window, dict[str, Any]]:
    from stepwell.operate.runs import input_text

    given = json.loads(input_text(text))
    return {window: window.fill(given) for window in wanted}


def _check(pipeline: Any, inputs: dict[Window, dict[str, Any]]) -> None:
    """What is wrong with the pipeline, or with the input of the first window."""
    from stepwell.pipeline.check import check, refuse

    refuse(check(pipeline, next(iter(inputs.values()))))
