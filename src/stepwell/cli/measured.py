"""What runs have used, here or on AWS: for the commands that know about cost and growth."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from statistics import median
from typing import TYPE_CHECKING, Any

from stepwell.insight.story import SUCCEEDED, Story, story
from stepwell.insight.usage import REPORT, Call, Given, Share, given_of, of_story

if TYPE_CHECKING:
    from stepwell.cli.local import Reader
    from stepwell.cli.side import OnAws, Side

RECENT = 5  # runs whose median tells what the next one will take


def shares_of(source: "Side", execution: dict[str, Any]) -> tuple[Story, list[Share]]:
    """The story of a run, and what each of its tasks used."""
    from stepwell.cli.runs_of import all_events

    arn = execution["executionArn"]
    told = story(all_events(source.client, arn))
    return told, of_story(told, reports(source, arn, told))


def reports(source: "Side", arn: str, told: Story) -> dict[int, Call]:
    """What the function's REPORT lines say, by the event that announced the invocation."""
    here: Any = source
    return _local(here, arn) if source.name == "local" else _on_aws(here, told)


def _local(reader: "Reader", arn: str) -> dict[int, Call]:
    row = reader.journal.execution(arn)
    calls = [] if row is None else reader.journal.invocations(row.id)
    return {call.call: Call(call.ms, call.mb, REPORT) for call in calls if call.ms is not None}


def _on_aws(source: "OnAws", told: Story) -> dict[int, Call]:
    """Where its log group may be read; else receipts and events have to do."""
    from stepwell.errors import StepwellError
    from stepwell.insight.reports import matched, read

    if told.started is None or told.ended is None:
        return {}
    try:
        lines = list(_log_lines(source, told.started, told.ended))
    except StepwellError:
        return {}
    return matched(told, filter(None, (read(text, when) for when, text in lines)))


def _log_lines(source: "OnAws", first: datetime, last: datetime) -> Iterator[tuple[datetime, str]]:
    from stepwell.operate.paging import items

    configuration = source.machine.configuration
    group = configuration.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{configuration['FunctionName']}"
    client = source.machine.session.client("logs")
    between = {"startTime": int(first.timestamp() * 1000), "endTime": int(last.timestamp() * 1000) + 10_000}
    events = items(client.filter_log_events, "events", logGroupName=group, filterPattern="REPORT", **between)
    return ((datetime.fromtimestamp(event["timestamp"] / 1000, UTC), event["message"]) for event in events)


def recent(source: "Side", pipeline: str, before: str | None = None) -> Iterator[dict[str, Any]]:
    """Runs of a pipeline that have succeeded, the newest first; only those older than the run `before`."""
    from stepwell.cli.runs_of import pipeline_of
    from stepwell.operate.paging import items

    passed = before is None
    for execution in items(source.client.list_executions, "executions"):
        ours = source.name == "aws" or pipeline_of(execution) == pipeline
        if passed and ours and execution["status"] == SUCCEEDED:
            yield execution
        passed = passed or execution["executionArn"] == before


def expected(source: "Side", pipeline: str, before: str | None = None) -> tuple[dict[str, Given], list[str]]:
    """What the tasks will take, by the median of the newest runs; and the names of those runs."""
    found: dict[str, list[Given]] = {}
    names = []
    for execution in islice(recent(source, pipeline, before), RECENT):
        names.append(execution["name"])
        for task, given in _taken(source, execution).items():
            found.setdefault(task, []).append(given)
    return {task: _middle(givens) for task, givens in found.items()}, names


def _taken(source: "Side", execution: dict[str, Any]) -> dict[str, Given]:
    """What the tasks of a run have taken, also those that it had done before it was resumed."""
    found: dict[str, Given] = {}
    for each in [*_before(source, execution), execution]:
        found |= given_of(*shares_of(source, each))
    return found


def _before(source: "Side", execution: dict[str, Any]) -> list[dict[str, Any]]:
    """The earlier executions of the same run, the oldest first."""
    from stepwell.operate.paging import items
    from stepwell.operate.runs import run_of

    client, arn = source.client, execution["executionArn"]
    run = run_of(client.describe_execution(executionArn=arn))
    if run == execution["name"]:
        return []
    own = f"{arn.rpartition(':')[0]}:{run}"
    listed = (each["executionArn"] for each in items(client.list_executions, "executions"))
    named = (each for each in listed if each == own or each.startswith(f"{own}-"))
    next((each for each in named if each == arn), None)  # the newest come first
    told = (client.describe_execution(executionArn=each) for each in named)
    return [each for each in told if run_of(each) == run][::-1]


def _middle(givens: list[Given]) -> Given:
    """The newest, with the seconds that are the median of all."""
    return givens[0]._replace(seconds=median(given.seconds for given in givens))
