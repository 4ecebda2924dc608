"""What a run costs on AWS, by task and by month: before it, from what earlier runs here have taken, or after it.

Prices are a dated table of one region; `--prices FILE` gives others. AWS is asked nothing, unless `--on aws` says so:
then it is the deployed function's memory and processor, and the runs of the deployed state machine.

examples:
  stepwell cost                                     the next run, by the median of the last five
  stepwell cost --assume task_02=1200:2000000       task_02 will take 1,200 s for 2,000,000 rows
  stepwell cost --run 20261123-035454-1438          what this run used, beside what was to be expected
  stepwell cost --run 20261123-035454-1438 --on aws by Lambda's REPORT lines, where the log group may be read
  stepwell cost --explain --arch arm64              every multiplication
"""

import os
import re
from argparse import ArgumentParser, Namespace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from stepwell.cli import side
from stepwell.cli.named import target_argument
from stepwell.errors import UsageError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from stepwell.cli.costing import Costing
    from stepwell.cli.side import Side
    from stepwell.insight.prices import Prices
    from stepwell.insight.usage import Given, Share
    from stepwell.pipeline.pipeline import Pipeline

MEMORY = 1024  # MB of the function
_ASSUMED = re.compile(r"(\w+)=([\d_.]+)(?::([\d_]+))?")


def arguments(parser: ArgumentParser) -> None:
    target_argument(parser)
    parser.add_argument("--run", metavar="RUN", help="what this run has used (its name, or the beginning of it)")
    parser.add_argument(
        "--assume",
        metavar="TASK=SECONDS[:ROWS]",
        action="append",
        default=[],
        help="what a task will take (may be repeated)",
    )
    parser.add_argument("--arch", choices=("x86", "arm64"), help="the function's processor (default: x86)")
    parser.add_argument("--memory", type=int, metavar="MB", help=f"the function's memory (default: {MEMORY})")
    parser.add_argument("--month", type=float, metavar="RUNS", help="runs a month (default: by schedule=, else 30)")
    parser.add_argument("--prices", metavar="FILE", help="prices of your own, as JSON (default: STEPWELL_PRICES)")
    parser.add_argument("--explain", action="store_true", help="show every multiplication, and where prices are from")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    side.arguments(parser)


def main(options: Namespace) -> int:
    import sys

    from stepwell.cli.costing import as_json, show
    from stepwell.cli.terminal import Terminal

    costing = _costing(options)
    _warn_if_old(costing.prices)
    if options.json:
        import json

        print(json.dumps(as_json(costing), indent=2))
    else:
        show(Terminal(sys.stdout), costing, options.explain)
    return 0


def _costing(options: Namespace) -> "Costing":
    from stepwell.cli.costing import Costing

    pipeline = _pipeline(options)
    with _side(options) as source:
        region, arch, memory = _function(options, source)
        if not 128 <= memory <= 10_240:
            raise UsageError(f"--memory {memory}: a Lambda function has 128 to 10,240 MB")
        return Costing(
            pipeline=pipeline.name,
            tasks=_plans(pipeline),
            memory=memory,
            prices=_prices(options, region, arch),
            other=_prices(options, region, "arm64" if arch == "x86" else "x86"),
            runs=_runs(pipeline, options.month),
            scheduled=pipeline.schedule is not None,
            **_shares(pipeline, options, source),
        )


def _side(options: Namespace) -> "AbstractContextManager[Side | None]":
    """Where runs are looked for; None where nothing was ever run, which only matters if one was named."""
    from contextlib import nullcontext

    from stepwell.cli.runs_of import reader, reader_here

    if options.on == side.AWS:
        return side.on_aws(options)
    return reader() if options.run is not None else reader_here() or nullcontext()


def _function(options: Namespace, source: "Side | None") -> tuple[str, str, int]:
    """Its region, processor and memory: as given, as deployed, or usual."""
    region, arch, memory = os.environ.get("AWS_REGION", "us-east-1"), "x86", MEMORY
    if source is not None and source.name == side.AWS:
        deployed: Any = source
        configuration = deployed.machine.configuration
        region, memory = deployed.machine.session.region, configuration["MemorySize"]
        arch = "arm64" if "arm64" in configuration.get("Architectures", ()) else "x86"
    return options.region or region, options.arch or arch, options.memory or memory


def _pipeline(options: Namespace) -> "Pipeline":
    from stepwell.pipeline.check import refuse, structure
    from stepwell.pipeline.find import find_pipeline

    pipeline = find_pipeline(options.target)
    refuse(structure(pipeline))
    return pipeline


def _plans(pipeline: "Pipeline") -> dict[str, tuple[int, int, int]]:
    """How a task is, or could be, done in chunks: rows of one, lanes, seconds of an invocation."""
    from stepwell.pipeline.chunks import Chunks

    usual = Chunks("", "")
    cuts = {task.name: task.chunks or usual for task in pipeline.tasks}
    return {task.name: (cuts[task.name].rows, cuts[task.name].parallel, task.timeout) for task in pipeline.tasks}


def _prices(options: Namespace, region: str, arch: str) -> "Prices":
    from pathlib import Path

    from stepwell.insight.prices import prices, read_own

    file = options.prices or os.environ.get("STEPWELL_PRICES")
    try:
        own = read_own(Path(file).read_text(encoding="utf-8"), file) if file else None
    except OSError as error:
        raise UsageError(f"--prices {file}: {error.strerror}") from None
    return prices(region, arch, own)


def _warn_if_old(prices: "Prices") -> None:
    import sys
    from datetime import date

    from stepwell.cli.terminal import Terminal
    from stepwell.insight.prices import STALE

    if (age := prices.age(date.today())) > STALE:
        told = f"the prices are of {prices.of}, {age} days old: compare them with AWS's pages, give yours with --prices"
        print(f"{Terminal(sys.stderr).yellow('warning:')} {told}", file=sys.stderr)


def _runs(pipeline: "Pipeline", given: float | None) -> Decimal:
    if given is not None:
        if given < 0:
            raise UsageError(f"--month {given:g}: give the number of runs")
        return Decimal(str(given))
    runs = 30 if pipeline.schedule is None else pipeline.schedule.runs_per_month()
    return Decimal(str(round(runs, 4)))


def _shares(pipeline: "Pipeline", options: Namespace, source: "Side | None") -> dict[str, Any]:
    """What is used, and how that is known: of a run, or of the next one."""
    from stepwell.cli.measured import expected, shares_of
    from stepwell.cli.select import chosen
    from stepwell.insight.usage import given_of

    assumed = _assumed(pipeline, options.assume)
    if source is None:
        return _estimate(pipeline, assumed, [])
    if options.run is None:
        given, names = expected(source, pipeline.name)
        return _estimate(pipeline, given | assumed, names)
    execution = chosen(source.client, options.run, pipeline.name if options.on == side.LOCAL else None)
    told, shares = shares_of(source, execution)
    given, names = expected(source, pipeline.name, execution["executionArn"])
    before = _estimate(pipeline, given | assumed, names)["shares"] if names or assumed else None
    found = {"shares": shares, "given": given_of(told, shares), "names": [execution["name"]], "actual": True}
    return found | {"before": before}


def _estimate(pipeline: "Pipeline", given: "dict[str, Given]", names: list[str]) -> dict[str, Any]:
    from stepwell.api.arns import function_arn
    from stepwell.insight.usage import of_definition
    from stepwell.pipeline.compile import compile_machine

    definition = compile_machine(pipeline, function_arn(pipeline.name))
    shares: list[Share] = of_definition(definition, given)
    return {"shares": shares, "given": given, "names": names, "actual": False, "before": None}


def _assumed(pipeline: "Pipeline", texts: list[str]) -> "dict[str, Given]":
    from stepwell.insight.usage import Given

    found = {}
    for text in texts:
        match = _ASSUMED.fullmatch(text)
        if match is None or match[1] not in pipeline.actions:
            known = ", ".join(pipeline.actions)
            raise UsageError(f"--assume {text}: write TASK=SECONDS or TASK=SECONDS:ROWS; tasks: {known}")
        chunks = pipeline.action(match[1]).chunks
        rows = int(match[3]) if match[3] else None
        pieces = -(-rows // chunks.rows) if chunks is not None and rows else 0
        found[match[1]] = Given(float(match[2]), rows, chunks=pieces)
    return found
