"""When tasks outgrow their limits at the present trend, and the line that cuts them into chunks before that.

It looks at the runs of this folder, or with `--on aws` at those of the deployed state machine. A task is to be cut when
it takes 12 minutes of Lambda's 15, works on 50,000 rows, or runs into its timeout. Where there is too little history,
or where a series does not grow beyond doubt, nothing is forecast.

examples:
  stepwell forecast
  stepwell forecast --diff task_02 | patch -p0      cut task_02 into chunks; then: stepwell prove task_02
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from stepwell.cli import side
from stepwell.cli.named import target_argument
from stepwell.errors import UsageError

if TYPE_CHECKING:
    from stepwell.cli.side import Side
    from stepwell.insight.forecast import Forecast, History
    from stepwell.pipeline.pipeline import Pipeline


def arguments(parser: ArgumentParser) -> None:
    target_argument(parser)
    parser.add_argument("--diff", metavar="TASK", help="print the change that cuts this task into chunks, for `patch`")
    parser.add_argument("--runs", type=int, default=200, metavar="N", help="look at the newest N runs (default: 200)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    side.arguments(parser)


def main(options: Namespace) -> int:
    import sys

    from stepwell.cli.terminal import Terminal
    from stepwell.pipeline.find import find_pipeline

    if options.runs < 1:
        raise UsageError("--runs must be 1 or more")
    pipeline = find_pipeline(options.target)
    if options.diff is not None:
        pipeline.action(options.diff)
    forecasts = forecasts_of(pipeline, _history(pipeline, options))
    if options.diff is not None:
        return _print_diff(pipeline, options.diff, forecasts)
    if options.json:
        import json

        print(json.dumps(_as_json(pipeline, forecasts), indent=2, default=str))
        return 0
    from stepwell.cli.outlook import lines

    terminal = Terminal(sys.stdout)
    for line in lines(terminal, pipeline.name, forecasts):
        terminal.line(line)
    for each in forecasts:
        if each.is_due and pipeline.action(each.task).chunks is None:
            _advise(terminal, pipeline, each)
    return 0


def _history(pipeline: "Pipeline", options: Namespace) -> "History":
    from stepwell.cli.runs_of import has_runs
    from stepwell.insight.forecast import history_of, observed

    if options.on == side.LOCAL:
        side.refuse_for_local(options)
        if not has_runs():
            return {}
    with side.opened(options) as source:
        return history_of(map(observed, _stories(source, pipeline.name, options.runs)))


def _stories(source: "Side", pipeline: str, limit: int) -> Iterator[Any]:
    from stepwell.cli.runs_of import all_events, pipeline_of
    from stepwell.insight.story import story
    from stepwell.operate.paging import items

    ended = (each for each in items(source.client.list_executions, "executions") if each["status"] != "RUNNING")
    ours = (each for each in ended if source.name == side.AWS or pipeline_of(each) == pipeline)
    for execution in islice(ours, limit):
        yield story(all_events(source.client, execution["executionArn"]))


def forecasts_of(pipeline: "Pipeline", history: "History") -> "list[Forecast]":
    from stepwell.insight.forecast import forecast
    from stepwell.pipeline.names import VALIDATE
    from stepwell.pipeline.task import LoadTask

    found = []
    for task in pipeline.tasks:
        if task.name != VALIDATE:
            deadline = None if task.chunks is None else float(task.chunks.deadline)
            # A load is one COPY: hundreds of thousands of rows a second, which only its time can limit.
            by_rows = not isinstance(task, LoadTask)
            found.append(forecast(task.name, history.get(task.name, []), deadline, by_rows))
    return found


# What to do


def _advise(terminal: Any, pipeline: "Pipeline", due: "Forecast") -> None:
    from stepwell.cli.cutting import Impossible, proposal
    from stepwell.cli.outlook import proposed

    terminal.line()
    try:
        for line in proposed(terminal, proposal(pipeline, due)):
            terminal.line(line)
    except Impossible as error:
        terminal.line(f"{terminal.yellow('!')} {terminal.bold(due.task)} cannot be cut by itself")
        for text in str(error).splitlines():
            terminal.line(f"  {text}")


def _print_diff(pipeline: "Pipeline", task: str, forecasts: "list[Forecast]") -> int:
    """The diff alone on stdout, for `patch`; what it is about on stderr."""
    import sys

    from stepwell.cli.cutting import Impossible, proposal

    due = next((each for each in forecasts if each.task == task), None)
    if due is None:
        raise UsageError(f"{task} is no task that could be cut into chunks")
    try:
        found = proposal(pipeline, due)
    except Impossible as error:
        raise UsageError(f"{task} cannot be cut by itself: {error}") from None
    print(f"{found.why}\nafter `patch -p0`: stepwell prove {task}", file=sys.stderr)
    sys.stdout.write(found.diff)
    return 0


def _as_json(pipeline: "Pipeline", forecasts: "list[Forecast]") -> dict[str, Any]:
    from stepwell.cli.cutting import Impossible, proposal

    tasks = []
    for each in forecasts:
        told: dict[str, Any] = each._asdict() | {"due": each.is_due}
        told["outlooks"] = [outlook._asdict() for outlook in each.outlooks]
        if each.is_due and pipeline.action(each.task).chunks is None:
            try:
                told["proposal"] = proposal(pipeline, each)._asdict()
            except Impossible as error:
                told["proposal"] = {"refused": str(error)}
        tasks.append(told)
    return {"pipeline": pipeline.name, "tasks": tasks}
