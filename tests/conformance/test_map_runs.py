"""Distributed Maps recorded from AWS that read from S3: the same against a fake S3, event for event.

All such cases are played. What was not kept of one is rebuilt here, by hand, from its history or its neighbours.
"""

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.served import ROLE, end_of
from tests.conformance.test_recorded import RECORDED
from tests.s3 import served_with_s3

pytestmark = pytest.mark.skipif(not RECORDED.exists(), reason="the recorded cases are not beside this project")
FOLDERS = ("scenarios", "test_sfn_api_map_run")
BUCKET = "bucket-name"  # what the recorded answers call any bucket
SAME_DEFINITION = {"max_items_paths_1.5": "max_items_paths_0"}
RACES = {"max_per_batch_jsonata": ["$..events..previousEventId"]}  # AWS has pointed at the run's start, once


def cases() -> dict[str, dict[str, Any]]:
    files = [file for folder in FOLDERS for file in sorted((RECORDED / "cases" / folder).glob("*.json"))]
    found = {file.stem: json.loads(file.read_text()) for file in files}
    return {name: case for name, case in found.items() if case["needs"] == "s3"}


CASES = cases()


def neighbour(name: str) -> dict[str, Any]:
    return next((CASES[name.replace(a, b)] for a, b in SAME_DEFINITION.items() if a in name), CASES[name])


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any]]:
    """Of Step Functions and of S3."""
    with served_with_s3(tmp_path_factory.mktemp("served"), BUCKET) as made:
        yield made


def differences(expected: Any, answer: Any, ignored: list[str]) -> list[str]:
    path = RECORDED / "compare.py"
    spec = importlib.util.spec_from_file_location("compare", path)
    assert spec is not None
    assert spec.loader is not None
    compare = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(compare)
    text = json.dumps(answer, default=lambda _: "timestamp")
    told: list[str] = compare.diffs(expected, json.loads(re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "date", text)), ignored)
    return told


@pytest.mark.parametrize("name", CASES)
def test_a_recorded_map_that_reads_from_s3_has_the_history_of_aws(name: str, clients: tuple[Any, Any]) -> None:
    sfn, s3 = clients
    case, source = CASES[name], neighbour(name)
    for step in source["steps"]:
        if step.get("op") == "PutObject":
            s3.put_object(**step["params"] | {"Bucket": BUCKET})
    expected = case["expected"]
    history = (expected.get("get_execution_history") or {}).get("events")
    given = history[0]["executionStartedEventDetails"]["input"] if history else json.loads(case["input"])
    made = sfn.create_state_machine(
        name=Path(name).name[-70:], definition=json.dumps(source["definition"]), roleArn=ROLE
    )
    arn = sfn.start_execution(
        stateMachineArn=made["stateMachineArn"], input=json.dumps(given | {"Bucket": BUCKET}), name="e"
    )["executionArn"]
    end_of(sfn, arn)
    answers = {"get_execution_history": sfn.get_execution_history(executionArn=arn)}
    if "list_map_runs" in expected:
        answers["list_map_runs"] = sfn.list_map_runs(executionArn=arn)
        run = answers["list_map_runs"]["mapRuns"][0]["mapRunArn"]
        answers["describe_map_run"] = sfn.describe_map_run(mapRunArn=run)
    ignored = case["ignore_paths"] + [path for part, paths in RACES.items() if part in name for path in paths]
    for key in expected:
        assert differences(expected[key], answers[key], ignored) == []
