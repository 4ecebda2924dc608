"""How much of AWS's limits a pipeline uses: figures from its definition and from facts about where it is to run."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from stepwell.insight.limits import BY_KEY, Finding

Definition = Mapping[str, Any]

_RECEIPT = 600  # bytes of a usual receipt
_CONTEXT = 1_500  # bytes of Step Functions' context object, without the input
_HEADROOM = 3  # connections that are left for people and monitoring
_PER_PROCESSOR = 2  # lanes
_CALL, _STATE, _TRY = 3, 2, 3  # events of a call, of entering and leaving a state, of one more attempt
_INLINE = 40  # iterations of an inline Map


class Facts(NamedTuple):
    """What is known beside the definition.

    `receipts` are bytes of the largest receipt of each state in recent runs, `deadlines` the seconds that the chunks of
    a task have together, `needed` connections, `lanes` those of the widest task in chunks. Of the database:
    `connections` that are free (max_connections less those that are reserved or taken), and `processors`; None where
    it was not asked.
    """

    name: str
    function_timeout: int
    memory: int
    environment: Mapping[str, int] = {}
    input_bytes: int = 2
    schedule_bytes: int | None = None
    unzipped: int | None = None
    receipts: Mapping[str, int] = {}
    needed: int = 0
    connections: int | None = None
    processors: int | None = None
    function: str = ""
    lanes: int = 0
    deadlines: Mapping[str, int] = {}


def findings(definition: Definition, facts: Facts) -> list[Finding]:
    """A finding for each limit of which something is known, in the order of the table."""
    found = [Finding(BY_KEY[key], figure, about) for key, figure, about in _figures(definition, facts)]
    order = list(BY_KEY)
    return sorted(found, key=lambda finding: order.index(finding.limit.key))


Figure = tuple[str, float, str]


def _figures(definition: Definition, facts: Facts) -> Iterator[Figure]:
    states = dict(_states(definition))
    yield from _names(states, facts)
    yield from _times(definition, states, facts)
    yield from _sizes(definition, states, facts)
    yield from _numbers(definition, states, facts)
    yield from _database(facts)
    yield from _iam(states, facts)


def _names(states: dict[str, Definition], facts: Facts) -> Iterator[Figure]:
    longest = max(states, key=len)
    yield "machine_name", len(facts.name), facts.name
    yield "state_name", len(longest), longest
    yield "function_name", len(facts.name), facts.name
    if facts.schedule_bytes is not None:
        yield "schedule_name", len(facts.name), facts.name


# The ladder: the task ends itself, Step Functions gives up on it, Lambda ends the function, the machine ends the run


def _times(definition: Definition, states: dict[str, Definition], facts: Facts) -> Iterator[Figure]:
    tasks = {name: state for name, state in states.items() if state["Type"] == "Task"}
    name, task = max(tasks.items(), key=lambda each: each[1].get("TimeoutSeconds", math.inf))
    longest = task.get("TimeoutSeconds", math.inf)
    late = max(tasks, key=lambda each: _deadline(tasks[each]))
    yield "deadline", _deadline(tasks[late]), late
    yield "task_timeout", longest, name
    yield "function_timeout", facts.function_timeout, ""
    yield "task_in_function", longest / facts.function_timeout, name
    yield "machine_timeout", _worst(definition) / definition.get("TimeoutSeconds", math.inf), ""
    yield "run_length", definition.get("TimeoutSeconds", math.inf), ""


def _deadline(task: Definition) -> float:
    """The share of the state's timeout after which the task gives up by itself, so that it can still roll back."""
    limit = task.get("TimeoutSeconds", math.inf)
    own = float(task.get("Parameters", {}).get("timeout", limit))
    return (own - min(max(2.0, own * 0.05), own / 2)) / limit if own != math.inf else math.inf


def _worst(machine: Definition) -> float:
    """Seconds that a run takes in which every attempt uses its timeout up."""
    return sum(_worst_of(state) for state in _line(machine))


def _worst_of(state: Definition) -> float:
    if state["Type"] == "Parallel":
        return max(_worst(branch) for branch in state["Branches"])
    if state["Type"] == "Map":
        return _worst(state["ItemProcessor"])
    if state["Type"] != "Task":
        return 0.0
    tries = 1 + sum(retrier.get("MaxAttempts", 3) for retrier in state.get("Retry", ()))
    return float(state.get("TimeoutSeconds", math.inf)) * tries if state.get("TimeoutSeconds") else math.inf


# Sizes


def _sizes(definition: Definition, states: dict[str, Definition], facts: Facts) -> Iterator[Figure]:
    tasks = [name for name, state in states.items() if state["Type"] == "Task"]
    receipts = {name: facts.receipts.get(name, _RECEIPT) for name in tasks}
    largest = max(receipts, key=lambda name: receipts[name])
    payload = facts.input_bytes + sum(receipts.values())
    yield "definition", len(json.dumps(definition, separators=(",", ":")).encode()), ""
    yield "payload", payload, "the run's input and all receipts"
    yield "invocation", facts.input_bytes + _CONTEXT, "the context with the run's input"
    yield "receipt", receipts[largest], largest
    yield "environment", sum(len(key.encode()) + size for key, size in facts.environment.items()), _longest(facts)
    if facts.unzipped is not None:
        yield "unzipped", facts.unzipped, ""
    if facts.schedule_bytes is not None:
        yield "schedule_input", facts.schedule_bytes, ""


def _longest(facts: Facts) -> str:
    key = max(facts.environment, key=lambda key: facts.environment[key], default="")
    return f"most of it {key}" if key else ""


# Numbers


def _numbers(definition: Definition, states: dict[str, Definition], facts: Facts) -> Iterator[Figure]:
    maps = {name: state for name, state in states.items() if state["Type"] == "Map"}
    lanes = {name: state.get("MaxConcurrency") or math.inf for name, state in maps.items() if _is_inline(state)}
    yield "events", _events(definition, facts.deadlines) + 2, "every call made twice"
    if lanes:
        widest = max(lanes, key=lambda name: lanes[name])
        yield "map_lanes", lanes[widest], widest
    retriers = [(name, each) for name, state in states.items() for each in state.get("Retry", ())]
    if retriers:
        name, most = max(retriers, key=lambda each: each[1].get("MaxAttempts", 3))
        yield "attempts", most.get("MaxAttempts", 3), name
        name, slow = max(retriers, key=lambda each: _longest_wait(each[1]))
        yield "retry_wait", _longest_wait(slow), name
    yield "memory", facts.memory, ""
    yield "least_memory", 128 / facts.memory, ""
    yield "concurrency", max(1, _at_once(definition)), ""


def _is_inline(state: Definition) -> bool:
    mode: str = state["ItemProcessor"].get("ProcessorConfig", {}).get("Mode", "INLINE")
    return mode == "INLINE"


def _longest_wait(retrier: Definition) -> float:
    times = min(max(0, retrier.get("MaxAttempts", 3) - 1), 10_000)
    try:
        wait = retrier.get("IntervalSeconds", 1) * float(retrier.get("BackoffRate", 2)) ** times
    except OverflowError:
        wait = math.inf
    return float(min(wait, retrier.get("MaxDelaySeconds", math.inf)))


def _events(machine: Definition, deadlines: Mapping[str, int]) -> float:
    """Of a run in which every call is made twice, and every lane until its deadline."""
    return sum(_events_of(state, deadlines) for state in _line(machine))


def _events_of(state: Definition, deadlines: Mapping[str, int]) -> float:
    if state["Type"] == "Parallel":
        return _STATE + 2 + sum(_events(branch, deadlines) for branch in state["Branches"])
    if state["Type"] == "Map":
        lanes = state.get("MaxConcurrency") or _INLINE
        return _STATE + 2 + lanes * (2 + _lane(state["ItemProcessor"], deadlines))
    return _STATE + (_CALL + _TRY if state["Type"] == "Task" else 0)


def _lane(machine: Definition, deadlines: Mapping[str, int]) -> float:
    """A lane is invoked until the deadline of the task's chunks, each time for as long as an invocation may take."""
    once = _events(machine, deadlines)
    tasks = [state for state in machine["States"].values() if state["Type"] == "Task"]
    run: Definition = tasks[0] if tasks else {}
    deadline = deadlines.get(run.get("Parameters", {}).get("action", ""))
    if deadline is None:
        return once
    again = math.ceil(deadline / (run["TimeoutSeconds"] * 0.95)) - 1
    return float(once + again * (2 * _STATE + _CALL))


def _at_once(machine: Definition) -> int:
    return max(_at_once_of(state) for state in _line(machine))


def _at_once_of(state: Definition) -> int:
    if state["Type"] == "Parallel":
        return sum(_at_once(branch) for branch in state["Branches"])
    if state["Type"] == "Map":
        return int((state.get("MaxConcurrency") or _INLINE) * _at_once(state["ItemProcessor"]))
    return int(state["Type"] == "Task")


# The database, and who may do what


def _database(facts: Facts) -> Iterator[Figure]:
    if facts.connections is not None and facts.needed:
        free = facts.connections - _HEADROOM
        yield "connections", facts.needed / free if free > 0 else math.inf, f"{facts.needed} of {max(0, free)}"
    if facts.processors and facts.lanes:
        most = _PER_PROCESSOR * facts.processors
        yield "processors", facts.lanes / most, f"{facts.lanes} lanes, {facts.processors} processors"


def _iam(states: dict[str, Definition], facts: Facts) -> Iterator[Figure]:
    resources = {state.get("Resource", "") for state in states.values() if state["Type"] == "Task"}
    foreign = sorted(resource for resource in resources if resource != facts.function)
    yield "resources", len(foreign), ", ".join(foreign)


# The definition


def _states(machine: Definition) -> Iterator[tuple[str, Definition]]:
    """All states by name, those inside of others as well."""
    for name, state in machine["States"].items():
        yield name, state
        for inner in [*state.get("Branches", ()), *filter(None, [state.get("ItemProcessor")])]:
            yield from _states(inner)


def _line(machine: Definition) -> Iterator[Definition]:
    """The states of the way on which nothing fails for good, each once."""
    name, seen = machine["StartAt"], set()
    while name is not None and name not in seen:
        seen.add(name)
        state = machine["States"][name]
        yield state
        choices = state.get("Choices", ())
        if state["Type"] == "Choice" and choices and choices[0]["Next"] in seen:
            name = state.get("Default")
        else:
            name = state.get("Next") or (choices[0]["Next"] if choices else state.get("Default"))
