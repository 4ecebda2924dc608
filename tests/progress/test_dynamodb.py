import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boto3
import pytest

from stepwell.errors import ConfigurationError
from stepwell.progress import Progress, open_progress
from stepwell.progress.dynamodb import DynamoProgress, from_url
from tests.progress.conftest import Gate
from tests.progress.samples import NOW, TASK, chunk, plan

DAY = 86_400
DOCS = Path(__file__).parents[2] / "docs" / "progress.md"


def items_of(url: str, endpoint: str) -> dict[str, dict[str, Any]]:
    """What is in the table, as `aws dynamodb scan` shows it, by sort key."""
    client = boto3.client("dynamodb", endpoint_url=endpoint)
    found = client.scan(TableName=name_of(url))["Items"]
    client.close()
    return {item["sk"]["S"]: item for item in found}


def name_of(url: str) -> str:
    return url.removeprefix("dynamodb://").partition("?")[0]


def test_there_is_one_item_for_each_chunk_and_one_for_the_task(table: str, endpoint: str) -> None:
    store = open_progress(table)
    store.plan(plan())
    store.record([chunk(3), chunk(12, state="failed", error="broken")])
    items = items_of(table, endpoint)
    assert sorted(items) == ["CHUNK#task_02#00000003", "CHUNK#task_02#00000012", "SUMMARY#task_02"]
    assert {item["pk"]["S"] for item in items.values()} == {"PIPELINE#nightly#RUN#20260301-0930"}
    store.close()


@pytest.mark.parametrize(("option", "days"), [("", 90), ("&days=7", 7)])
def test_items_expire(table: str, endpoint: str, option: str, days: int) -> None:
    before = int(time.time())
    store = open_progress(table + option)
    store.plan(plan())
    store.record([chunk(0)])
    store.rebuild(plan(), [chunk(0), chunk(1)])
    for item in items_of(table, endpoint).values():
        assert before + days * DAY <= int(item["expires_at"]["N"]) <= time.time() + days * DAY
    store.close()


def test_the_table_is_made_with_time_to_live_and_on_demand(table: str, endpoint: str) -> None:
    client = boto3.client("dynamodb", endpoint_url=endpoint)
    made = client.describe_table(TableName=name_of(table))["Table"]
    ttl = client.describe_time_to_live(TableName=name_of(table))["TimeToLiveDescription"]
    client.close()
    assert made["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "expires_at")


def test_a_throttled_write_is_tried_again(gated: Progress, gate: Gate) -> None:
    gate.throttled = 2
    assert gated.record([chunk(0)])
    assert gate.asked == ["PutItem"] * 3
    assert gated.chunks(*TASK) == [chunk(0)]


def test_what_stays_throttled_is_dropped_and_a_rebuild_brings_it_back(gated: Progress, gate: Gate) -> None:
    gated.plan(plan(3))
    gate.throttled = 1000
    assert not gated.record([chunk(0)])
    gate.throttled = 0
    gated.record([chunk(1)])
    assert [state.chunk for state in gated.chunks(*TASK)] == [1]
    ledger = [chunk(0), chunk(1), chunk(2)]
    assert gated.rebuild(plan(3, state="done"), ledger)
    assert gated.chunks(*TASK) == ledger


def test_a_rebuild_writes_only_what_differs(gated: Progress, gate: Gate) -> None:
    ledger = [chunk(number) for number in range(200)]
    gated.rebuild(plan(200), ledger)
    assert gate.asked.count("BatchWriteItem") == 8
    gate.asked.clear()
    gated.rebuild(plan(200, state="done"), ledger)
    assert gate.asked == ["Query", "PutItem"]


def test_of_a_chunk_that_is_twice_in_a_batch_only_the_newest_state_is_sent(gated: Progress, gate: Gate) -> None:
    gated.record([chunk(0, state="failed"), chunk(0, attempts=2), chunk(0)])
    assert gate.asked == ["PutItem"]
    assert gated.chunks(*TASK) == [chunk(0, attempts=2)]


def test_a_list_of_runs_that_are_over_reads_no_chunks(gated: Progress, gate: Gate) -> None:
    for run in ("1", "2", "3"):
        gated.rebuild(plan(run=run, state="done"), [chunk(0)._replace(run=run)])
    gate.asked.clear()
    assert [summary.done for summary in gated.summaries("nightly")] == [1, 1, 1]
    assert gate.asked == ["Query"]


def test_the_command_shows_a_run_on_aws(table: str, tmp_path: Path) -> None:
    """Nothing of it is on this machine but the name of the table."""
    store = open_progress(table)
    store.plan(plan(4))
    store.record([chunk(0), chunk(1), chunk(2, state="failed", error="DataError: no")])
    store.rebuild(plan(4, run="20260228", state="failed", started_at=NOW - 9), [chunk(0)])
    store.close()
    command = [sys.executable, "-m", "stepwell.cli.main", "progress"]
    environment = os.environ | {"STEPWELL_PROGRESS": table}

    def said(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [*command, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == code, done.stderr
        return done.stdout

    assert said().startswith("nightly  20260301-0930\n")
    assert "50.0 %  2/4 chunks, 1 failed" in said("20260301")
    assert "failed in" in said("20260228", "--follow", code=1)
    assert list(tmp_path.iterdir()) == []


def test_the_documentation_makes_the_table(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", endpoint)
    code = re.search(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert code
    exec(code[1], {})
    store = open_progress("dynamodb://stepwell-progress")
    assert store.plan(plan())
    assert store.summaries() == [plan()]
    store.close()


def test_nothing_is_connected_before_it_is_used() -> None:
    """A URL can be read where there is neither a region nor boto3."""
    store = from_url("dynamodb://table?region=eu-west-1&endpoint=http://127.0.0.1:8000&days=3")
    assert isinstance(store, DynamoProgress)
    assert store.name == "table"
    store.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("dynamodb://", "it names no table"),
        ("dynamodb://table?regoin=eu-west-1", "unknown option 'regoin'"),
        ("dynamodb://table?days=0", "days is a whole number above 0, not '0'"),
        ("dynamodb://table?days=", "not ''"),
    ],
)
def test_a_mistake_in_the_url_is_named(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        open_progress(url)
