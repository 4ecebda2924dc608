"""Twenty and more planted violations, each found alone; and none in the example."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stepwell import Chunks, Pipeline
from stepwell.insight.budget import Facts, findings
from stepwell.insight.limits import BY_KEY, KB, LIMITS, MB, Finding, shown
from stepwell.pipeline.compile import compile_machine
from stepwell.pipeline.find import find_pipeline

EXAMPLE = Path(__file__).parents[2] / "examples" / "visits"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:visits"
FACTS = Facts(
    name="visits",
    function_timeout=900,
    memory=1024,
    environment={"DATABASE_URL": 120},
    input_bytes=300,
    schedule_bytes=2,
    unzipped=30 * MB,
    needed=5,
    connections=97,
    processors=4,
    function=ARN,
    lanes=5,
)


def example() -> dict[str, Any]:
    return compile_machine(find_pipeline(None, EXAMPLE), ARN)


def chunked(**given: Any) -> dict[str, Any]:
    pipeline = Pipeline("visits")
    pipeline.sql("task_02", "a.sql", timeout=given.pop("timeout", 900), chunks=Chunks("visits", by="id", **given))
    return compile_machine(pipeline, ARN)


def broken(definition: dict[str, Any], facts: Facts) -> list[str]:
    return [finding.limit.key for finding in findings(definition, facts) if finding.broken]


def test_in_the_example_no_limit_is_broken_or_near_whole_or_chunked() -> None:
    assert broken(example(), FACTS) == []
    assert [finding.limit.key for finding in findings(example(), FACTS) if finding.near] == []
    assert broken(chunked(), FACTS._replace(deadlines={"task_02": 21_600})) == []


FROM_FACTS: dict[str, dict[str, Any]] = {
    "function_name": {"name": "n" * 65},
    "machine_name": {"name": "n" * 81},
    "schedule_name": {"name": "n" * 65},
    "function_timeout": {"function_timeout": 901},
    "task_in_function": {"function_timeout": 600},
    "payload": {"input_bytes": 256 * KB},
    "invocation": {"input_bytes": 6 * MB},
    "receipt": {"receipts": {"ExecuteTask01": 33 * KB}},
    "environment": {"environment": {"REGIONS": 5000}},
    "unzipped": {"unzipped": 251 * MB},
    "schedule_input": {"schedule_bytes": 257 * KB},
    "memory": {"memory": 10_241},
    "least_memory": {"memory": 64},
    "connections": {"needed": 40, "connections": 42},
    "processors": {"lanes": 9},
}
BESIDES = {
    "machine_name": ["function_name", "schedule_name"],  # they have the same name, and less room
    "function_name": ["schedule_name"],
    "schedule_name": ["function_name"],
    "invocation": ["payload"],
}


@pytest.mark.parametrize("key", FROM_FACTS)
def test_a_violation_that_is_planted_in_the_facts_is_found(key: str) -> None:
    found = broken(example(), FACTS._replace(**FROM_FACTS[key]))
    assert sorted(found) == sorted([key, *BESIDES.get(key, [])])


def change(*path: Any, value: Any) -> Callable[[], dict[str, Any]]:
    def changed() -> dict[str, Any]:
        machine = copy.deepcopy(example())
        inner = machine
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = value
        return machine

    return changed


TASK = ("States", "ExecuteTask02")
RETRIED = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 60, "MaxAttempts": 4, "BackoffRate": 900}
ENDLESS = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 100_000_000, "BackoffRate": 1}
FROM_DEFINITION: dict[str, Callable[[], dict[str, Any]]] = {
    "task_timeout": change(*TASK, "TimeoutSeconds", value=901),
    "deadline": change(*TASK, "Parameters", "timeout", value=1000),
    "machine_timeout": change("TimeoutSeconds", value=3600),
    "run_length": change("TimeoutSeconds", value=31_536_001),
    "definition": change("Comment", value="c" * MB),
    "attempts": change(*TASK, "Retry", value=[ENDLESS]),
    "retry_wait": change(*TASK, "Retry", value=[RETRIED]),
    "resources": change(*TASK, "Resource", value="arn:aws:states:::sns:publish"),
    "state_name": change("States", "S" * 81, value={"Type": "Succeed"}),
    "map_lanes": lambda: wide(chunked(parallel=40)),
    "concurrency": lambda: wide(chunked(parallel=40), 1001),
    "events": lambda: chunked(timeout=30, parallel=5, deadline=86_400),
}


def wide(machine: dict[str, Any], lanes: int = 41) -> dict[str, Any]:
    branch = machine["States"]["ExecuteTask02"]["Branches"][0]
    branch["States"]["Task02Lanes"]["MaxConcurrency"] = lanes
    return machine


BESIDES |= {
    "task_timeout": ["task_in_function"],
    "attempts": ["machine_timeout"],
    "retry_wait": ["machine_timeout"],
    "concurrency": ["map_lanes", "events"],
}


@pytest.mark.parametrize("key", FROM_DEFINITION)
def test_a_violation_that_is_planted_in_the_definition_is_found(key: str) -> None:
    found = broken(FROM_DEFINITION[key](), FACTS._replace(deadlines={"task_02": 86_400 if key == "events" else 21_600}))
    assert key in found
    assert set(found) <= {key, *BESIDES.get(key, [])}


def test_a_violation_is_planted_for_every_limit() -> None:
    assert {*FROM_FACTS, *FROM_DEFINITION} == set(BY_KEY)
    assert len(BY_KEY) == len(LIMITS) >= 20


def test_a_finding_has_figure_limit_and_margin() -> None:
    finding = Finding(BY_KEY["environment"], 3 * KB, "most of it REGIONS")
    assert (finding.margin, finding.broken, finding.near) == (0.25, False, False)
    assert str(finding) == "environment of the function (most of it REGIONS): 3 KB, at most 4 KB"
    assert Finding(BY_KEY["environment"], 3900).near
    assert [shown(1536, "bytes"), shown(0.5, "of it"), shown(25_000, "events")] == ["1.5 KB", "50 %", "25,000 events"]


def test_what_is_not_known_is_not_told() -> None:
    bare = Facts("visits", 900, 1024, function=ARN)
    keys = {finding.limit.key for finding in findings(example(), bare)}
    assert keys.isdisjoint({"connections", "processors", "unzipped", "schedule_name", "schedule_input", "map_lanes"})
    assert json.dumps(sorted(keys))
