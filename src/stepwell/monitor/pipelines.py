"""A pipeline over its last runs: how long each task took, against the limits of Lambda, and what that calls for."""

import math
import statistics
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from stepwell.insight.forecast import VALIDATE, Forecast, Observation, history_of, observed
from stepwell.insight.outlook import row, timeouts, too_little
from stepwell.insight.story import Story, story
from stepwell.insight.words import count, duration
from stepwell.monitor.runs import Run
from stepwell.monitor.source import Source
from stepwell.operate.paging import items

RUNS = 40
SLOW, LIMIT = 720, 900  # seconds: when a task should be cut into chunks, and when Lambda ends it
LOOK = 200  # runs that a forecast looks at, as that of the command does
HIGH, WIDE = 120, 640
_LEAST = 2  # of a bar's height, so that it is seen
_BOTTOM, _TOP = 0.01, 1800  # seconds that the logarithmic axis spans


class Point(NamedTuple):
    """One task in one run."""

    run: str
    task: str
    status: str
    seconds: float
    rows: int | None


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
        self._known: dict[tuple[str, int], tuple[list[Point], dict[str, Observation]]] = {}

    def of(self, runs: list[Run]) -> list[tuple[list[Point], dict[str, Observation]]]:
        """Most of reading is waiting for an answer, where that comes from far."""
        with ThreadPoolExecutor(self._source.threads) as threads:
            return list(threads.map(self._of, runs))

    def _of(self, run: Run) -> tuple[list[Point], dict[str, Observation]]:
        key = (run.arn, run.redrives)
        if key not in self._known:
            history = self._source.client.get_execution_history
            told = story(items(history, "events", executionArn=run.arn, maxResults=1000))
            self._known[key] = list(_points(run, told)), observed(told)
        return self._known[key]


def _points(run: Run, told: Story) -> Iterator[Point]:
    for visit in told.tasks:
        if visit.task and visit.task != VALIDATE and visit.seconds is not None:
            yield Point(run.name, visit.task, visit.status, visit.seconds, visit.rows)


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
    return round(min(HIGH - _LEAST, HIGH * (1 - min(1, part))), 1)


def _told(point: Point) -> str:
    rows = "" if point.rows is None else f", {count(point.rows)} rows"
    return f"{point.run}: {duration(point.seconds)}{rows}, {point.status.lower().replace('_', ' ')}"


def triggers(forecasts: list[Forecast]) -> list[str]:
    """Why a task should be cut into chunks; also where the last run alone says so."""
    told = []
    for each in forecasts:
        for outlook in each.outlooks:
            if not outlook.is_due and (outlook.level or 0) <= outlook.limit:
                continue
            task, measure, now, growth, limit, reached, between = row(outlook)
            now = f"{task} takes {now}" if measure == "time" else f"{task} works on {now} rows"
            if outlook.reached is None:
                told.append(f"{now}, which is over {limit}.")
            else:
                told.append(f"{now}, {growth} a week: it reaches {limit} on {reached} (95 %: between {between}).")
        told += [f"{text}." for text in [timeouts(each)] if text]
    return told


def pipeline_page(source: Source, history: History, machine: dict[str, Any], runs: list[Run]) -> dict[str, Any]:
    """`runs` of the pipeline, the newest first."""
    import json

    from stepwell.insight.drawing import svg
    from stepwell.insight.layout import layout

    arn = machine["stateMachineArn"]
    definition = source.client.describe_state_machine(stateMachineArn=arn)["definition"]
    parsed = json.loads(definition)
    ended = [run for run in runs if run.ended is not None][:LOOK]
    known, over = history.of(ended), ended[:RUNS]
    points = [point for found, _ in known[:RUNS] for point in found]
    forecasts = source.forecast(machine["name"], history_of(observations for _, observations in known))
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
        "triggers": triggers(forecasts),
        "too_little": too_little(forecasts),
        "outlooks": [(row(o), o.is_due) for each in forecasts for o in each.outlooks if o.level is not None],
        "newest": runs[:10],
        "suffix": source.suffix,
    }
