"""What each page shows, as plain values for its template."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from stepwell.insight.drawing import svg
from stepwell.insight.failure import Card, card
from stepwell.insight.gist import details, gist
from stepwell.insight.story import story
from stepwell.insight.timeline import timeline
from stepwell.insight.visit import Visit
from stepwell.monitor.bill import cost
from stepwell.monitor.render import macro
from stepwell.monitor.runs import Run, Runs, Wanted
from stepwell.monitor.source import Source
from stepwell.monitor.watched import Chunked, Watched, columns

ROWS = 50  # of a page of a list
BARS = 32  # durations of a pipeline's spark line
STATUSES = ("RUNNING", "INTERRUPTED", "FAILED", "TIMED_OUT", "ABORTED", "SUCCEEDED")


def url(*parts: str, **query: Any) -> str:
    """A path of quoted parts, and a query of what is not empty."""
    chosen = {key: value for key, value in query.items() if value not in ("", None)}
    path = "/" + "/".join(quote(part, safe="") for part in parts)
    return f"{path}?{urlencode(chosen)}" if chosen else path


def run_url(run: Run | Watched, **query: Any) -> str:
    name = run.name if isinstance(run, Run) else run.execution["name"]
    return url("runs", run.pipeline, name, **query)


# Runs


class Facts(NamedTuple):
    """What a list says of a run beside its status: rows of all its tasks, where it is or broke, why, and its cost."""

    rows: int | None = None
    task: str = ""
    error: str = ""
    cost: str = ""


class Bar(NamedTuple):
    """One run in a spark line: `height` from 0 to 1."""

    status: str
    height: float
    told: str
    href: str


class Shelf:
    """The facts of runs that are over do not change: they are read once."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._known: dict[tuple[str, int], Facts] = {}

    def facts(self, run: Run) -> Facts:
        key = (run.arn, run.redrives)
        if run.ended is not None and key in self._known:
            return self._known[key]
        found = self._read(run)
        if run.ended is not None:
            self._known[key] = found
        return found

    def _read(self, run: Run) -> Facts:
        page = self._source.client.get_execution_history(executionArn=run.arn, reverseOrder=True, maxResults=100)
        told = story(reversed(page["events"]))
        at = told.failed or told.current or told.last_task
        rows = [visit.rows for visit in told.tasks if visit.rows is not None and visit.task != "validate_config"]
        label = at.whole.label if at is not None and run.status != "SUCCEEDED" else ""
        whole = "nextToken" not in page  # of a long history only the end is read
        price = cost(told, self._source.region) if whole else ""
        return Facts(sum(rows) if rows else None, label, told.error or "" if told.failed else "", price)


def spark(runs: Iterable[Run]) -> list[Bar]:
    """The oldest first."""
    found = [run for run in runs if run.seconds is not None]
    longest = max((run.seconds or 0 for run in found), default=0) or 1
    from stepwell.insight.words import duration

    return [
        Bar(
            run.status,
            max(0.06, (run.seconds or 0) / longest),
            f"{run.name}: {duration(run.seconds or 0)}",
            run_url(run),
        )
        for run in found
    ][::-1]


def runs_page(source: Source, runs: Runs, shelf: Shelf, wanted: Wanted, page: int) -> dict[str, Any]:
    found = runs.matching(wanted)
    pages = max(1, -(-len(found) // ROWS))
    page = min(max(1, page), pages)
    shown = found[(page - 1) * ROWS : page * ROWS]
    counts = runs.counts(wanted)
    sparks = {name: spark(runs.of(name, BARS)) for name in sorted({run.pipeline for run in shown} | set(runs.machines))}
    longest = {
        name: max((run.seconds or 0 for run in runs.of(name, 100)), default=0) or 1
        for name in {run.pipeline for run in shown}
    }
    return {
        "runs": [(run, shelf.facts(run), min(1.0, (run.seconds or 0) / longest[run.pipeline])) for run in shown],
        "total": len(found),
        "all": len(runs.all()),
        "page": page,
        "pages": pages,
        "first": (page - 1) * ROWS + 1 if found else 0,
        "counts": [("", "All", sum(counts.values()))]
        + [
            (status, status.capitalize().replace("_", " "), counts[status]) for status in STATUSES if counts.get(status)
        ],
        "pipelines": [_pipeline_card(runs, name, sparks[name]) for name in sorted(runs.machines)],
        "wanted": wanted,
        "link": lambda **changes: url("", **(_query(wanted) | {"page": ""} | changes)),
    }


def _query(wanted: Wanted) -> dict[str, Any]:
    return {"status": wanted.status.lower(), "pipeline": wanted.pipeline, "q": wanted.text}


def _pipeline_card(runs: Runs, name: str, bars: list[Bar]) -> dict[str, Any]:
    newest = next(iter(runs.of(name, 1)), None)
    return {"name": name, "newest": newest, "bars": bars}


# One run


def card_of(source: Source, watched: Watched) -> Card | None:
    if watched.status not in ("FAILED", "TIMED_OUT", "ABORTED"):
        return None
    failed = watched.story.failed
    log = source.logs(watched.arn, failed, failed.attempts[-1]) if failed and failed.attempts else None
    return card(watched.story, watched.execution["name"], log or (), source.suffix, source.code)


def fragments(
    source: Source, watched: Watched, chosen: str | None = None, where: Callable[..., str] = run_url, live: bool = True
) -> dict[str, str]:
    """The parts of a run's page that change, by name. `where` answers addresses; `live`: there are buttons."""
    failure = card_of(source, watched)
    told = watched.story
    rows = [visit.rows for visit in told.tasks if visit.rows is not None and visit.task != "validate_config"]
    figures = (sum(rows) if rows else None, command(source, watched), live, cost(told, source.region))
    parts = {
        "head": macro("parts.html", "head", watched, source, *figures),
        "card": macro("parts.html", "failure", failure, live),
        "graph": svg(watched.picture, watched.looks(), lambda name: where(watched, state=name) + "#state", chosen),
        "timeline": macro("parts.html", "timeline", timeline(told), watched, where),
        "error": macro("parts.html", "progress_error", watched.progress_error),
    }
    for name, task in watched.tasks.items():
        parts[f"chunks-{name}"] = macro("parts.html", "figures", task.pace, watched.status)
    return parts


def command(source: Source, watched: Watched) -> str:
    verb = "show" if watched.later else {"RUNNING": "stop", "SUCCEEDED": "show"}.get(watched.status, "resume")
    return f"stepwell {verb} {watched.later or watched.execution['name']}{source.suffix}"


def run_page(source: Source, watched: Watched, chosen: str | None, visit: int | None) -> dict[str, Any]:
    return {
        "watched": watched,
        "parts": fragments(source, watched, chosen),
        "tasks": {name: chunk_data(task) for name, task in watched.tasks.items()},
        "state": state_view(source, watched, chosen, visit) if chosen else None,
        "actions": [v.task for v in _tasks(watched) if v.task],
    }


def _tasks(watched: Watched) -> list[Visit]:
    return list({visit.task: visit for visit in watched.story.tasks}.values())


def chunk_data(task: Chunked) -> dict[str, Any]:
    known = sorted(task.chunks.values(), key=lambda chunk: chunk.chunk)
    return {"chunks": task.summary.chunks, **columns(known)}


# One state of a run


def state_view(source: Source, watched: Watched, name: str, entered: int | None) -> dict[str, Any] | None:
    """The visits to a state, and of one of them all there is; None where the machine has no such state."""
    visits = [visit for visit in watched.story.visits if visit.name == name]
    node = next((node for node in watched.picture.nodes if node.name == name), None)
    if not visits and node is None:
        return None
    wrong = next((visit for visit in visits if visit.status not in ("SUCCEEDED", "RUNNING")), None)
    picked = next((visit for visit in visits if visit.entered == entered), wrong or (visits[-1] if visits else None))
    return {
        "name": name,
        "label": picked.label if picked else node.label if node else name,
        "visits": _near(visits, picked),
        "count": len(visits),
        "visit": picked,
        "input": _payload(watched, picked.entered, "input") if picked else None,
        "output": _payload(watched, picked.exited, "output") if picked and picked.exited else None,
        "logs": attempt_logs(source, watched, picked) if picked else [],
    }


def _near(visits: list[Visit], picked: Visit | None, most: int = 60) -> list[Visit]:
    """All, or of very many those that went wrong and the first ones."""
    if len(visits) <= most:
        return visits
    wrong = [visit for visit in visits if visit.status != "SUCCEEDED"][:most]
    first = visits[: most - len(wrong)]
    shown = {visit.entered: visit for visit in [*wrong, *first, *([picked] if picked else [])]}
    return [shown[entered] for entered in sorted(shown)]


def _payload(watched: Watched, event: int, key: str) -> str | None:
    found = watched.events[event - 1] if 0 < event <= len(watched.events) else {}
    text = details(found).get(key)
    return text if isinstance(text, str) else None


def attempt_logs(source: Source, watched: Watched, visit: Visit) -> list[tuple[Any, list[str] | None]]:
    return [(attempt, source.logs(watched.arn, visit, attempt)) for attempt in visit.attempts]


def all_logs(source: Source, watched: Watched) -> list[tuple[Visit, Any, list[str] | None]]:
    calls = [(visit, attempt) for visit in watched.story.visits for attempt in visit.attempts]
    calls.sort(key=lambda each: each[1].event)
    return [(visit, attempt, source.logs(watched.arn, visit, attempt)) for visit, attempt in calls[-200:]]


# Events

EVENTS = 200


def events_page(watched: Watched, text: str, page: int) -> dict[str, Any]:
    found = [event for event in watched.events if not text or text.lower() in _searched(event)]
    pages = max(1, -(-len(found) // EVENTS))
    page = min(max(1, page), pages)
    start = watched.events[0]["timestamp"] if watched.events else None
    shown = [
        (event, (event["timestamp"] - start).total_seconds(), gist(event, 140), details(event))
        for event in found[(page - 1) * EVENTS : page * EVENTS]
    ]
    return {"events": shown, "total": len(found), "page": page, "pages": pages, "text": text}


def _searched(event: dict[str, Any]) -> str:
    return f"{event['type']} {details(event)}".lower()
