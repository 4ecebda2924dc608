"""What runs have used, read from this machine's journal: for the commands that know about cost and growth."""

from collections.abc import Iterator
from itertools import islice
from statistics import median
from typing import TYPE_CHECKING, Any

from stepwell.insight.story import SUCCEEDED, Story, story
from stepwell.insight.usage import REPORT, Call, Given, Share, given_of, of_story

if TYPE_CHECKING:
    from stepwell.cli.local import Reader

RECENT = 5  # runs whose median tells what the next one will take


def shares_of(reader: "Reader", execution: dict[str, Any]) -> tuple[Story, list[Share]]:
    """The story of a run, and what each of its tasks used."""
    from stepwell.cli.runs_of import all_events

    arn = execution["executionArn"]
    told = story(all_events(reader.client, arn))
    return told, of_story(told, reports(reader, arn))


def reports(reader: "Reader", arn: str) -> dict[int, Call]:
    """What the function's REPORT lines say, by the event that announced the invocation."""
    row = reader.journal.execution(arn)
    calls = [] if row is None else reader.journal.invocations(row.id)
    return {call.call: Call(call.ms, call.mb, REPORT) for call in calls if call.ms is not None}


def recent(reader: "Reader", pipeline: str, before: str | None = None) -> Iterator[dict[str, Any]]:
    """Runs of a pipeline that have succeeded, the newest first; only those older than the run `before`."""
    from stepwell.cli.runs_of import pipeline_of
    from stepwell.operate.paging import items

    passed = before is None
    for execution in items(reader.client.list_executions, "executions"):
        if passed and execution["status"] == SUCCEEDED and pipeline_of(execution) == pipeline:
            yield execution
        passed = passed or execution["executionArn"] == before


def expected(reader: "Reader", pipeline: str, before: str | None = None) -> tuple[dict[str, Given], list[str]]:
    """What the tasks will take, by the median of the newest runs; and the names of those runs."""
    found: dict[str, list[Given]] = {}
    names = []
    for execution in islice(recent(reader, pipeline, before), RECENT):
        names.append(execution["name"])
        for task, given in given_of(*shares_of(reader, execution)).items():
            found.setdefault(task, []).append(given)
    return {task: _middle(givens) for task, givens in found.items()}, names


def _middle(givens: list[Given]) -> Given:
    """The newest, with the seconds that are the median of all."""
    return givens[0]._replace(seconds=median(given.seconds for given in givens))
