"""A pipeline over its last runs: how long each task took, against the limits of Lambda, and what that calls for."""

import math
import statistics
from collections.abc import Iterator
from typing import Any, NamedTuple

from stepwell.insight.story import story
from stepwell.insight.words import count, duration
from stepwell.monitor.runs import Run
from stepwell.monitor.source import Source
from stepwell.operate.paging import items

RUNS = 40
SLOW, LIMIT = 720, 900  # seconds: when a task should be cut into chunks, and when Lambda ends it
MANY = 50_000  # rows of a task from which chunks pay
HIGH, WIDE = 120, 640
_BOTTOM, _TOP = 0.01, 1800  # seconds that the logarithmic axis spans


class Point(NamedTuple):
    """One task in one run; `whole`: not in chunks, so that the limits concern it."""

    run: str
    task: str
    status: str
    seconds: float
    rows: int | None
    whole: bool
    timed_out: bool


class Chart(NamedTuple):
    """`dots` are (x, y, status, text), `lines` (y, text, kind)."""

    task: str
    median: float
    most: float
    rows: int | None
    dots: list[tuple[float, float, str, str]]
    lines: list[tuple[float, str, str]]
    wide: float


class History:
    """What the tasks of runs that are over have done, read once."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._known: dict[tuple[str, int], list[Point]] = {}

    def points(self, run: Run) -> list[Point]:
        key = (run.arn, run.redrives)
        if key not in self._known:
            self._known[key] = list(self._read(run))
        return self._known[key]

    def _read(self, run: Run) -> Iterator[Point]:
        history = self._source.client.get_execution_history
        told = story(items(history, "events", executionArn=run.arn, maxResults=1000))
        for visit in told.tasks:
            if visit.task and visit.task != "validate_config" and visit.seconds is not None:
                timed_out = any(a.outcome == "TIMED_OUT" or a.error == "DeadlineExceeded" for a in visit.attempts)
                yield Point(
                    run.name, visit.task, visit.status, visit.seconds, visit.rows, visit.type == "Task", timed_out
                )


def charts(points: list[Point], runs: list[Run]) -> list[Chart]:
    """A chart for each task, the oldest run first; `runs` the newest first."""
    at = {run.name: index for index, run in enumerate(reversed(runs))}
    by_task: dict[str, list[Point]] = {}
    for point in points:
        by_task.setdefault(point.task, []).append(point)
    return [_chart(task, found, at, max(len(runs), RUNS)) for task, found in by_task.items()]


def _chart(task: str, points: list[Point], at: dict[str, int], places: int) -> Chart:
    step = WIDE / places
    seconds = [point.seconds for point in points]
    dots = [(round(at[p.run] * step + 1, 1), _y(p.seconds), p.status, _told(p)) for p in points]
    marks = [(0.1, "0.1 s", ""), (1, "1 s", ""), (10, "10 s", ""), (60, "1 min", "")]
    lines = [(_y(s), text, kind) for s, text, kind in [*marks, (SLOW, "12 min", "slow"), (LIMIT, "15 min", "limit")]]
    newest = max(points, key=lambda point: at[point.run])
    return Chart(task, statistics.median(seconds), max(seconds), newest.rows, dots, lines, round(step - 2, 1))


def _y(seconds: float) -> float:
    part = math.log(max(seconds, _BOTTOM) / _BOTTOM) / math.log(_TOP / _BOTTOM)
    return round(HIGH * (1 - min(1, part)), 1)


def _told(point: Point) -> str:
    rows = "" if point.rows is None else f", {count(point.rows)} rows"
    return f"{point.run}: {duration(point.seconds)}{rows}, {point.status.lower().replace('_', ' ')}"


def triggers(points: list[Point]) -> list[str]:
    """Why a task should be cut into chunks, where the last runs say so."""
    told = []
    for task in dict.fromkeys(point.task for point in points):
        whole = [point for point in points if point.task == task and point.whole][:10]
        slow = sum(point.seconds > SLOW for point in whole)
        if slow >= 2 and slow * 2 >= len(whole):
            told.append(
                f"{task} took more than 12 minutes in {slow} of its last {len(whole)} runs: Lambda ends it at 15."
            )
        many = max((point.rows or 0 for point in whole), default=0)
        if many > MANY:
            told.append(
                f"{task} changes {count(many)} rows in one transaction: with chunks it would not lose them all."
            )
        if out := sum(point.timed_out for point in whole):
            told.append(f"{task} ran into its timeout in {out} of its last {len(whole)} runs.")
    return told


def pipeline_page(source: Source, history: History, machine: dict[str, Any], runs: list[Run]) -> dict[str, Any]:
    """`runs` of the pipeline, the newest first."""
    import json

    from stepwell.insight.drawing import svg
    from stepwell.insight.layout import layout

    arn = machine["stateMachineArn"]
    definition = source.client.describe_state_machine(stateMachineArn=arn)["definition"]
    parsed = json.loads(definition)
    over = [run for run in runs if run.ended is not None][:RUNS]
    points = [point for run in over for point in history.points(run)]
    seconds = [run.seconds for run in over if run.seconds is not None and run.status == "SUCCEEDED"]
    return {
        "name": machine["name"],
        "total": len(runs),
        "of": len(over),
        "rate": sum(run.status == "SUCCEEDED" for run in over) / len(over) if over else None,
        "median": statistics.median(seconds) if seconds else None,
        "schedule": source.schedule(machine["name"]),
        "limit": parsed.get("TimeoutSeconds"),
        "definition": definition,
        "graph": svg(layout(parsed)),
        "charts": charts(points, over),
        "triggers": triggers(points),
        "newest": runs[:10],
        "suffix": source.suffix,
    }
