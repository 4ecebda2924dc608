"""When a task outgrows its limits: what its runs have taken, where that is going, and what must be done until when.

Three things say that a task should be cut into chunks: it takes more than 12 of Lambda's 15 minutes, it works on more
than 50,000 rows, or it runs into its timeout.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from stepwell.insight.story import SUCCEEDED, TIMED_OUT, Story
from stepwell.insight.trend import Trend, trend

MINUTES_12, ROWS_50_000 = 720.0, 50_000.0
VALIDATE = "validate_config"
HORIZON = 365  # days: what is further away is not told
RECENT = 30  # runs in which a timeout counts
TIMEOUTS = ("States.Timeout", "Sandbox.Timedout", "DeadlineExceeded")
SHARE = 0.8  # of a deadline that may be used up, of a task in chunks

SECONDS, ROWS = "seconds", "rows"
TOO_LITTLE, STEADY, GROWS, OVER = "too little history", "steady", "grows", "over the limit"


class Observation(NamedTuple):
    """What a task did in one run: seconds of its successful attempt, None if it had none; `whole`: not in chunks."""

    day: date
    seconds: float | None
    rows: int | None
    timeouts: int = 0
    retries: int = 0
    whole: bool = True


History = Mapping[str, Sequence[Observation]]  # by task, the oldest first


class Outlook(NamedTuple):
    """Where a measure of a task is and where it goes.

    `level` is that of the last day, `growth` is a week's, `reached` the day on which the limit is, with 95 % between
    `earliest` and `latest`; `since` the day of the last sudden step.
    """

    task: str
    measure: str
    state: str
    limit: float
    days: int
    level: float | None = None
    growth: float = 0.0
    reached: date | None = None
    earliest: date | None = None
    latest: date | None = None
    since: date | None = None

    @property
    def is_due(self) -> bool:
        return self.state == OVER or self.reached is not None


class Forecast(NamedTuple):
    """Of one task: both of its measures, how many of its recent runs had timeouts, and retries in all."""

    task: str
    runs: int
    outlooks: tuple[Outlook, ...]
    timeouts: int
    retries: int

    @property
    def is_due(self) -> bool:
        """Whether something is to be done."""
        return self.timeouts > 0 or any(outlook.is_due for outlook in self.outlooks)


def observed(told: Story) -> dict[str, Observation]:
    """By task, what a run did."""
    found: dict[str, Observation] = {}
    for visit in told.tasks:
        if visit.task is None:
            continue
        inside = [each for each in told.visits if each.whole is visit] or [visit]
        attempts = [attempt for each in inside for attempt in each.attempts]
        ended = visit.seconds if visit.type == "Parallel" else next((a.seconds for a in reversed(visit.attempts)), None)
        found[visit.task] = Observation(
            visit.started.date(),
            ended if visit.status == SUCCEEDED else None,
            visit.rows,
            sum(attempt.outcome == TIMED_OUT or attempt.error in TIMEOUTS for attempt in attempts),
            sum(each.retries for each in inside),
            visit.type != "Parallel",
        )
    return found


def history_of(runs: Iterable[Mapping[str, Observation]]) -> History:
    """What was observed of each run, by task."""
    found: dict[str, list[Observation]] = {}
    for run in runs:
        for task, observation in run.items():
            found.setdefault(task, []).append(observation)
    return {task: sorted(each, key=lambda one: one.day) for task, each in found.items()}


def forecast(task: str, runs: Sequence[Observation], deadline: float | None = None, by_rows: bool = True) -> Forecast:
    """Of the runs of one task, the oldest first. `deadline`: the seconds that it has, if it is done in chunks."""
    limits = {SECONDS: MINUTES_12 if deadline is None else SHARE * deadline}
    limits |= {ROWS: ROWS_50_000} if deadline is None and by_rows else {}
    outlooks = tuple(outlook(task, measure, limit, _values(runs, measure)) for measure, limit in limits.items())
    recent = runs[-RECENT:]
    timeouts = sum(run.timeouts > 0 for run in recent)
    return Forecast(task, len(runs), outlooks, timeouts, sum(run.retries for run in runs))


def by_time(history: History) -> list[Forecast]:
    """Of tasks of which no more is known: neither the deadline of one in chunks, nor which are loads."""
    whole = {task: runs for task, runs in history.items() if task != VALIDATE and runs[-1].whole}
    return [forecast(task, runs, by_rows=False) for task, runs in whole.items()]


def outlook(task: str, measure: str, limit: float, values: Sequence[tuple[date, float]]) -> Outlook:
    line = trend([(day.toordinal(), value) for day, value in values])
    if line is None:
        days = len({day for day, _ in values})
        return Outlook(task, measure, TOO_LITTLE, limit, days, values[-1][1] if values else None)
    since = None if line.since is None else date.fromordinal(line.since)
    told = Outlook(task, measure, STEADY, limit, line.days, line.at(line.last), since=since)
    if line.is_over(limit):
        return told._replace(state=OVER, growth=7 * line.slope if line.grows else 0.0)
    return _growing(told, line) if line.grows else told


def _growing(told: Outlook, line: Trend) -> Outlook:
    told = told._replace(state=GROWS, growth=7 * line.slope)
    found = line.crossing(told.limit)
    if found is None or found[1] > line.last + HORIZON:
        return told
    reached, earliest, latest = (date.fromordinal(line.last) + _after(day - line.last) for day in found)
    return told._replace(reached=reached, earliest=earliest, latest=latest)


def _after(days: float) -> timedelta:
    return timedelta(days=min(36_500, round(days)))


def _values(runs: Iterable[Observation], measure: str) -> list[tuple[date, float]]:
    """Rows only where there are any: a task that tells none has none to outgrow."""
    values = [(run.day, run.seconds if measure == SECONDS else run.rows) for run in runs]
    return [(day, float(value)) for day, value in values if value is not None and (measure == SECONDS or value > 0)]


# What to do


class Cut(NamedTuple):
    """Rows of a chunk, and lanes."""

    rows: int
    lanes: int


_CHUNK, _LANE = 5.0, 240.0  # seconds that a chunk should take, and a lane at most
_LEAST, _MOST = 1_000, 100_000  # rows of a chunk
_CHUNKS, _MANY = 20, 5  # chunks at least, where there are rows enough; lanes at most, unless more are asked for


def cut(rows: int, seconds: float, most_lanes: int = _MANY) -> Cut:
    """For a table of so many rows, which the whole task takes so many seconds for: chunks of about five seconds, and
    enough of them that every lane has some."""
    speed = rows / max(seconds, 0.001)
    size = _round(min(_MOST, max(_LEAST, min(speed * _CHUNK, rows / _CHUNKS))))
    chunks = -(-rows // size)
    lanes = max(2, -(-int(seconds) // int(_LANE)))
    return Cut(size, max(1, min(lanes, most_lanes, chunks)))


def _round(number: float) -> int:
    """Down to 1, 2 or 5 times a power of ten."""
    power = int(10 ** (len(str(int(number))) - 1))
    return next(step * power for step in (5, 2, 1) if step * power <= number)
