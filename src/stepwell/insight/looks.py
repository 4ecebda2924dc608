"""How the states of a run stand at this moment: of all the visits to a state, what its box in a picture says."""

from stepwell.insight.drawing import Look
from stepwell.insight.story import Story
from stepwell.insight.visit import CAUGHT, FAILED, RUNNING, TIMED_OUT, Visit
from stepwell.insight.words import count, duration


def looks(told: Story, status: str) -> dict[str, Look]:
    """By state. `status` is that of the run: what stands still in one that has died is not under way."""
    by_state: dict[str, list[Visit]] = {}
    for visit in told.visits:
        by_state.setdefault(visit.name, []).append(visit)
    return {name: _look(found, status, told.failed) for name, found in by_state.items()}


def _look(visits: list[Visit], status: str, culprit: Visit | None) -> Look:
    running = [visit for visit in visits if visit.status == RUNNING]
    if running and status == RUNNING:
        since = min(visit.started for visit in running)
        return Look(RUNNING, _detail(visits), round(since.timestamp() * 1000))
    if running:
        return Look("INTERRUPTED", "interrupted")
    if culprit in visits:  # its failure was caught, but only to end the run
        return Look(FAILED if culprit.status == CAUGHT else culprit.status, _detail(visits))
    broken = next((visit for visit in visits if visit.status in (FAILED, TIMED_OUT)), None)
    return Look((broken or visits[-1]).status, _detail(visits))


def _detail(visits: list[Visit]) -> str:
    """`2.4 s · 68,114 rows · 2 retries`, or for many visits `5 visits · 12 s`."""
    last = visits[-1]
    parts = [f"{len(visits)} visits"] if len(visits) > 1 else []
    seconds = [visit.seconds for visit in visits if visit.seconds is not None]
    if seconds and len(seconds) == len(visits):
        parts.append(duration(sum(seconds) if len(seconds) == 1 else max(seconds)))
    rows = sum(visit.rows or 0 for visit in visits)
    if rows:
        parts.append(f"{count(rows)} {'row' if rows == 1 else 'rows'}")
    if last.chunks:
        parts.append(f"{count(last.chunks)} chunks")
    retries = sum(visit.retries for visit in visits)
    if retries:
        parts.append(f"{retries} {'retry' if retries == 1 else 'retries'}")
    if last.error and last.broke_off():
        parts.insert(0, last.error)
    return " · ".join(parts)
