"""The same pages over boto3: against the engine that is served, and against another Step Functions than ours."""

import json
import re
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import boto3
import psycopg
import pytest
from playwright.sync_api import Page, expect

from tests.api.served import KEYS, Served
from tests.fake import ACCOUNT, fake_aws
from tests.monitor.conftest import Monitor, Project, started_monitor
from tests.monitor.test_pages import CHUNKED, TABLES

GROUP = "/aws/lambda/shop"
ROLE = "arn:aws:iam::123456789012:role/states"


@pytest.fixture
def on_aws(coffee: Project) -> Iterator[Callable[[str], Monitor]]:
    """`on_aws(url)`: a monitor of the machine of this folder's pipeline at that address."""
    coffee.environment |= ACCOUNT
    started: list[subprocess.Popen[str]] = []

    def start(url: str) -> Monitor:
        made = started_monitor(coffee, "--on", "aws", "--endpoint-url", url)
        started.append(made.process)
        return made

    yield start
    for process in started:
        process.terminate()
        process.wait(60)
        assert process.stdout is not None
        process.stdout.close()


def client(url: str) -> Any:
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.client("stepfunctions", endpoint_url=url, region_name=ACCOUNT["AWS_DEFAULT_REGION"], **keys)


def test_the_pages_show_executions_of_another_step_functions(
    coffee: Project, on_aws: Callable[[str], Monitor], page: Page
) -> None:
    definition = json.dumps(coffee.json("compile"))
    with fake_aws() as url:
        states = client(url)
        machine = states.create_state_machine(name="coffee", definition=definition, roleArn=ROLE)["stateMachineArn"]
        for number in range(3):
            states.start_execution(stateMachineArn=machine, name=f"run-{number}", input='{"cups": 2}')
        seen = on_aws(url)
        page.goto(seen.address)
        expect(page.locator(".runs tbody tr")).to_have_count(3)
        expect(page.locator("#live")).to_contain_text("AWS eu-central-1")
        for place in ("/runs/coffee/run-1", "/runs/coffee/run-1?state=ExecuteGrind", "/pipelines/coffee"):
            page.goto(seen.url + place)
            expect(page.locator(".g-node[data-state=ExecuteGrind]")).to_be_visible()
        for tab in ("events", "logs", "data"):
            page.goto(f"{seen.url}/runs/coffee/run-1?tab={tab}")
            expect(page.locator("main .panel").first).to_be_visible()
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(f"{seen.url}/runs/coffee/run-2")
        if page.get_by_role("button", name="Stop", exact=True).count():
            page.get_by_role("button", name="Stop", exact=True).click()
            expect(page.locator("#status")).to_have_text("aborted")
        page.goto(f"{seen.url}/?status=running")
        assert "--on aws" in page.goto(f"{seen.url}/runs/coffee/run-0").text()  # type: ignore[union-attr]


def test_a_failed_execution_of_the_served_engine_is_resumed_over_boto3(
    coffee: Project, on_aws: Callable[[str], Monitor], page: Page
) -> None:
    assert coffee.run("run", "--name", "bad").returncode == 1
    served = coffee.started("serve", "--port", "0")
    assert served.stdout is not None
    try:
        url = next(line for line in served.stdout if "http://" in line).partition("http://")[2].partition(",")[0]
        page.goto(on_aws(f"http://{url}").address)
        page.get_by_role("link", name="bad").click()
        expect(page.locator(".failure")).to_contain_text("brew failed in run bad")
        coffee.write("beans", "")
        page.get_by_role("button", name="Resume", exact=True).click()
        page.wait_for_url("**/runs/coffee/bad-2")
        expect(page.locator("#status")).to_have_text("succeeded")
    finally:
        served.terminate()
        served.wait(60)
        served.stdout.close()


def test_what_each_lane_has_printed_on_aws_stands_with_its_attempts(coffee: Project, database: str) -> None:
    coffee.environment |= ACCOUNT | {"AWS_DEFAULT_REGION": "us-east-1", "DATABASE_URL": database}
    coffee.write("pipeline.py", CHUNKED)
    coffee.write("sell.sql", "INSERT INTO sold SELECT id, price FROM items WHERE price > 0;")
    with psycopg.connect(database, autocommit=True) as connection:
        for statement in TABLES[:3]:
            connection.execute(statement)
    coffee.said("run", "--name", "sale")
    events = coffee.json("show", "--json")["events"]
    served = Served(coffee.folder)
    with fake_aws() as address:
        coffee.environment |= {"AWS_ENDPOINT_URL": served.url, "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": address}
        logs = boto3.client("logs", endpoint_url=address, **KEYS)
        logs.create_log_group(logGroupName=GROUP)
        for number, event in enumerate(events):
            details = event.get("lambdaFunctionScheduledEventDetails")
            if details:
                put(logs, f"stream-{number}", event["timestamp"], json.loads(details["input"]))
        seen = started_monitor(coffee, "--on", "aws")
        try:
            parts = {
                label: printed for label, printed in shown(seen, "?tab=logs").items() if label != "validate_config"
            }
            assert {"plan", "lane 0", "reconcile"} <= parts.keys()
            assert all(label == printed for label, printed in parts.items())
            assert shown(seen, "?state=PlanSell") == {"": "plan"}
        finally:
            seen.process.terminate()
            seen.process.wait(60)
            assert seen.process.stdout is not None
            seen.process.stdout.close()
            served.end()


def put(logs: Any, stream: str, scheduled: str, asked: dict[str, Any]) -> None:
    """The log of an invocation that began when its event was written."""
    part = " ".join(str(asked[key]) for key in ("phase", "lane") if key in asked)
    asked_for = f"STEPWELL {asked['context']['Execution']['Id']} {asked['action']} {part}".rstrip()
    lines = [f"{asked_for} retry 0", part or "nothing", "END RequestId: 1"]
    at = int(datetime.fromisoformat(scheduled).timestamp() * 1000)
    logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
    logs.put_log_events(
        logGroupName=GROUP, logStreamName=stream, logEvents=[{"timestamp": at, "message": line} for line in lines]
    )


def shown(seen: Monitor, query: str) -> dict[str, str]:
    """The logs in a page of the run, by the words that say whose they are."""
    with urllib.request.urlopen(f"{seen.url}/runs/shop/sale{query}") as answer:
        page = answer.read().decode()
    return dict(re.findall(r'aria-label="Log of (?:(.*?), )?attempt 1">(.*?)</pre>', page, re.DOTALL))
