"""What a run uses of AWS: counted in its history, or reckoned from a definition and what its tasks will take.

Step Functions counts a transition each time a step of the workflow is executed, and each retry as one more
(https://aws.amazon.com/step-functions/pricing/): every state that is entered, also a Choice and the Succeed at the end.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from stepwell.insight.story import Story, Visit

MACHINE = "between tasks"  # the states that belong to no task: where a run starts, ends, forks
OVERHEAD = 150  # ms of an invocation in which no task works: starting, connecting
REPORT, RECEIPT, EVENTS, EXPECTED = "REPORT lines", "receipts", "event times", "expected"
_MARGIN = 0.05  # of its timeout, in which a lane begins nothing any more
_MIRRORED = 4  # writes of progress beside one for each chunk: the plan, its summary, both with their index

Definition = Mapping[str, Any]


class Call(NamedTuple):
    """One invocation of the function: the milliseconds that are billed, the megabytes that it used, how we know."""

    ms: int
    mb: int | None = None
    known: str = EXPECTED


class Share(NamedTuple):
    """What a task, or the machine itself, uses in one run. `retries` are among the transitions."""

    task: str
    transitions: int
    calls: tuple[Call, ...] = ()
    retries: int = 0
    rows: int | None = None
    chunks: int = 0

    @property
    def ms(self) -> int:
        return sum(call.ms for call in self.calls)

    @property
    def mb(self) -> int | None:
        """The most memory that one of its invocations has used."""
        return max((call.mb for call in self.calls if call.mb), default=None)

    @property
    def writes(self) -> int:
        """Of progress, into DynamoDB."""
        return self.chunks + _MIRRORED if self.chunks else 0


class Given(NamedTuple):
    """What a task is expected to take: seconds of work in all, rows, memory; of one in chunks, how many chunks."""

    seconds: float
    rows: int | None = None
    mb: int | None = None
    chunks: int = 0
    other: float = 2 * OVERHEAD / 1000  # seconds of planning and reconciling


def of_story(told: Story, reports: Mapping[int, Call] | None = None) -> list[Share]:
    """By task, in the order of the run. `reports`: what Lambda reported of the attempt that this event announced."""
    found: dict[str, Share] = {}
    for visit in told.visits:
        whole = visit.whole
        name = whole.task or MACHINE if whole.is_task else MACHINE
        calls = tuple(_calls(visit, reports or {}))
        known = found.get(name, Share(name, 0))
        found[name] = known._replace(
            transitions=known.transitions + 1 + visit.retries,
            retries=known.retries + visit.retries,
            calls=known.calls + calls,
            rows=visit.rows if visit is whole and visit.rows is not None else known.rows,
            chunks=max(known.chunks, visit.chunks or 0),
        )
    return _machine_last(found)


def _calls(visit: Visit, reports: Mapping[int, Call]) -> Iterator[Call]:
    for attempt in visit.attempts:
        used = (visit.receipt or {}).get("used") if attempt is visit.attempts[-1] else None
        if attempt.event in reports:
            yield reports[attempt.event]
        elif isinstance(used, dict) and type(used.get("ms")) is int and visit.phase is None:
            mb = used.get("mb")
            yield Call(used["ms"], mb if type(mb) is int else None, RECEIPT)
        elif attempt.seconds is not None:
            yield Call(max(1, math.ceil(attempt.seconds * 1000)), None, EVENTS)


def of_definition(definition: Definition, given: Mapping[str, Given]) -> list[Share]:
    """What a run will use in which nothing is retried. A task of which nothing is given has no invocations' time."""
    found: dict[str, Share] = {}
    for share in _walk(definition, given):
        known = found.get(share.task)
        found[share.task] = share if known is None else known._replace(transitions=known.transitions + 1)
    return _machine_last(found)


def _machine_last(found: dict[str, Share]) -> list[Share]:
    own = found.pop(MACHINE, None)
    return [*found.values(), *([own] if own else [])]


def _walk(machine: Definition, given: Mapping[str, Given]) -> Iterator[Share]:
    """State by state of the way on which nothing fails."""
    name: str | None = machine["StartAt"]
    while name is not None:
        state = machine["States"][name]
        task = _task_of(state)
        if task is None:
            yield Share(MACHINE, 1)
            for branch in state.get("Branches", ()):
                yield from _walk(branch, given)
        elif state["Type"] == "Task":
            yield whole(task, given.get(task))
        else:
            yield in_lanes(task, given.get(task), *_lanes(state))
        choices = state.get("Choices", ())
        name = state.get("Next") or (choices[0]["Next"] if choices else state.get("Default"))


def _task_of(state: Definition) -> str | None:
    """The task that a state does; of one in chunks, that of its plan."""
    if state["Type"] == "Parallel":
        first = state["Branches"][0]
        inner = first["States"][first["StartAt"]].get("Parameters", {})
        return inner.get("action") if "phase" in inner else None
    action: str | None = state.get("Parameters", {}).get("action")
    return action


def _lanes(state: Definition) -> tuple[int, int]:
    """How many lanes a task in chunks has, and the seconds that one invocation of a lane may take."""
    states = state["Branches"][0]["States"].values()
    lanes = next(each for each in states if each["Type"] == "Map")
    run = next(each for each in lanes["ItemProcessor"]["States"].values() if each["Type"] == "Task")
    return lanes["MaxConcurrency"], run["TimeoutSeconds"]


# The ways of doing a task


def whole(task: str, given: Given | None) -> Share:
    """In one invocation."""
    if given is None:
        return Share(task, 1)
    return Share(task, 1, (Call(max(1, math.ceil(given.seconds * 1000)), given.mb),), rows=given.rows)


def in_lanes(task: str, given: Given | None, lanes: int, timeout: int) -> Share:
    """In chunks: a plan, lanes that are invoked until nothing is left (each time a Choice asks), a reconciliation."""
    if given is None:
        return Share(task, 4 + 3 * lanes)
    lanes = min(lanes, given.chunks or lanes)
    each = given.seconds / lanes
    times = max(1, math.ceil(each / (timeout * (1 - _MARGIN))))
    ms = math.ceil(each * 1000 / times)
    other = math.ceil(given.other * 500)
    calls = (Call(other, given.mb), *[Call(ms, given.mb)] * (lanes * times), Call(other, given.mb))
    # Parallel, plan, Map, reconciliation; in each lane a call and a Choice, as often as needed, and an end.
    return Share(task, 4 + lanes * (2 * times + 1), calls, rows=given.rows, chunks=given.chunks)


def in_invocations(task: str, given: Given, chunks: int) -> Share:
    """The way that Stepwell does not go: a Map over the chunks, with one invocation for each."""
    ms = math.ceil(given.seconds * 1000 / chunks) + OVERHEAD
    other = math.ceil(given.other * 500)
    calls = (Call(other, given.mb), *[Call(ms, given.mb)] * chunks, Call(other, given.mb))
    return Share(task, 4 + chunks, calls, rows=given.rows, chunks=chunks)


def given_of(told: Story, shares: list[Share]) -> dict[str, Given]:
    """What the tasks of a run have taken, to expect the same of the next one: of each, its last attempt."""
    found = {}
    by_name = {share.task: share for share in shares}
    for visit in told.tasks:
        share = by_name.get(visit.task or "")
        if share is None or not share.calls or visit.receipt is None:
            continue
        if not share.chunks:
            found[share.task] = Given(share.calls[-1].ms / 1000, visit.rows, share.mb)
            continue
        phases = [(inner.phase, inner.seconds or 0.0) for inner in told.visits if inner.whole is visit and inner.phase]
        work = sum(seconds for phase, seconds in phases if phase == "lane")
        other = sum(seconds for phase, seconds in phases if phase != "lane")
        found[share.task] = Given(work, visit.rows, share.mb, share.chunks, other)
    return found
