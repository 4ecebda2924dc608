"""What tasks print on AWS: their log is in CloudWatch Logs, played by moto; the runs are a real `stepwell serve`'s."""

import json
import time

import pytest

from tests.api.served import Served
from tests.cli.conftest import Project
from tests.fake import ACCOUNT, fake_aws

GROUP, STREAM = "/aws/lambda/coffee", "2026/11/28/[$LATEST]0123456789abcdef"


@pytest.fixture
def there(ran: Project, monkeypatch: pytest.MonkeyPatch):
    """A folder with runs that the commands see through boto3, and a client of the logs beside them."""
    import boto3

    for name, value in ACCOUNT.items():
        monkeypatch.setenv(name, value)
    served = Served(ran.folder)
    with fake_aws() as address:
        ran.environment |= ACCOUNT | {"AWS_DEFAULT_REGION": "us-east-1", "AWS_DISABLE_HOST_PREFIX_INJECTION": "true"}
        ran.environment |= {"AWS_ENDPOINT_URL": served.url, "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": address}
        logs = boto3.client("logs", endpoint_url=address, region_name="us-east-1")
        logs.create_log_group(logGroupName=GROUP)
        logs.create_log_stream(logGroupName=GROUP, logStreamName=STREAM)
        yield ran, served.client(), logs
        served.end()


def invocation(run: dict, action: str, retry: int, *lines: str) -> list[str]:
    """What Lambda and the handler write of one invocation; behind the action stand phase and lane, if any."""
    before = ["INIT_START Runtime Version: python:3.13", "START RequestId: 1 Version: $LATEST"]
    first = f"STEPWELL {run['executionArn']} {action} retry {retry}"
    return [*before, first, *lines, "END RequestId: 1", "REPORT RequestId: 1 Duration: 3.00 ms"]


def test_a_runs_lines_are_cut_out_of_streams_that_invocations_of_other_runs_share(there):
    project, sfn, logs = there
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:coffee"
    runs = {run["name"]: run for run in sfn.list_executions(stateMachineArn=machine)["executions"]}
    lines = [
        *invocation(runs["good"], "task_01", 0, "somebody else's line"),
        *invocation(runs["bad"], "task_01", 0, "two cups", "are ground"),
        *invocation(runs["bad"], "task_02", 0, "no more beans"),
        *invocation(runs["good"], "task_02", 0, "somebody else's line"),
        *invocation(runs["bad"], "task_02", 1, "still none"),
    ]
    since = int(runs["bad"]["startDate"].timestamp() * 1000)
    events = [{"timestamp": since + at, "message": f"{line}\n"} for at, line in enumerate(lines)]
    logs.put_log_events(logGroupName=GROUP, logStreamName=STREAM, logEvents=events)
    said = project.said("logs", "bad", "--on", "aws")
    assert "somebody else's line" not in said
    printed = [line for line in said.splitlines() if not line.startswith("──")]
    assert printed == ["two cups", "are ground", "no more beans", "still none"]
    only = project.said("logs", "bad", "--task", "task_02", "--attempt", "2", "--on", "aws")
    assert "task_02, attempt 2" in only
    assert "no more beans" not in only
    refused = project.run("logs", "bad", "--task", "task_09", "--on", "aws")
    assert refused.returncode == 2
    assert "the run has no such log; it has called: task_01, task_02" in refused.stderr


def test_the_lanes_of_a_task_in_chunks_are_told_apart(there):
    project, sfn, logs = there
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:coffee"
    run = next(run for run in sfn.list_executions(stateMachineArn=machine)["executions"] if run["name"] == "bad")
    since = int(run["startDate"].timestamp() * 1000)
    first, second = (invocation(run, f"task_02 lane {lane}", 0, f"of lane {lane}") for lane in (0, 1))
    logs.create_log_stream(logGroupName=GROUP, logStreamName="another")
    for stream, lines in ((STREAM, first), ("another", second)):
        events = [{"timestamp": since + at, "message": f"{line}\n"} for at, line in enumerate(lines)]
        logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)
    said = project.said("logs", "bad", "--task", "task_02", "--on", "aws").splitlines()
    assert [line.partition(", attempt")[0] for line in said] == [
        "── task_02 lane 0",
        "of lane 0",
        "── task_02 lane 1",
        "of lane 1",
    ]


def test_the_card_of_a_run_on_aws_has_the_last_lines_of_what_failed(there):
    project, sfn, logs = there
    arn = "arn:aws:states:us-east-1:123456789012:execution:coffee:bad"
    history = sfn.get_execution_history(executionArn=arn)["events"]
    last = [event["timestamp"] for event in history if event["type"] == "LambdaFunctionScheduled"][-1]
    lines = invocation(
        {"executionArn": arn}, "task_02", 1, "brewing", "no bean is left", "[ERROR] Empty: no more beans"
    )
    events = [{"timestamp": int(last.timestamp() * 1000), "message": line} for line in lines]
    logs.put_log_events(logGroupName=GROUP, logStreamName=STREAM, logEvents=events)
    assert "  log    brewing\n         no bean is left\n" in project.said("show", "bad", "--on", "aws")


def test_a_run_on_aws_is_told_as_json_lines_as_one_here_is(there):
    project, _, logs = there
    arn = "arn:aws:states:us-east-1:123456789012:execution:coffee:told"
    now = int(time.time() * 1000) + 60_000  # after the run has begun, however slow this machine is
    run = {"executionArn": arn}
    lines = [
        *invocation(run, "validate_config", 0),
        *invocation(run, "task_01", 0, "grinding for 9"),
        *invocation(run, "task_02", 0, "brewing", "[ERROR] Empty: no more beans", "Traceback (most recent call last):"),
        *invocation(run, "task_02", 1, "brewing"),
    ]
    events = [{"timestamp": now, "message": f"{line}\n"} for line in lines]
    logs.put_log_events(logGroupName=GROUP, logStreamName=STREAM, logEvents=events)
    words = ["--input", '{"cups": 9}', "--log-format", "json"]
    there = project.run("run", "--name", "told", *words, "--on", "aws")
    assert there.returncode == 1
    here = project.run("run", "--name", "here", *words)
    told, same = ([json.loads(line) for line in done.stdout.splitlines()] for done in (there, here))
    assert [line["message"] for line in told if line["event"] == "log"] == [
        "grinding for 9",
        "brewing",
        "Traceback (most recent call last):",
        "brewing",
    ]
    told, same = ([line for line in lines if line["event"] != "log"] for lines in (told, same))
    assert [(line["event"], line.keys()) for line in told] == [(line["event"], line.keys()) for line in same]
    own = {"time", "run", "execution", "seconds", "again_in", "started", "ended", "tasks", "resume", "where"}
    assert [{key: line[key] for key in line.keys() - own} for line in told] == [
        {key: line[key] for key in line.keys() - own} for line in same
    ]
    retried = next(line for line in told if line["event"] == "task_retry")
    assert retried["again_in"] >= 1
    assert told[-1]["resume"] == "stepwell resume told --on aws"


def test_a_log_that_cannot_be_read_is_said_and_the_run_is_watched_on(there):
    project, _, logs = there
    logs.delete_log_group(logGroupName=GROUP)
    told = [json.loads(line) for line in project.said("run", "--log-format", "json", "--on", "aws").splitlines()]
    (said,) = [line for line in told if line["event"] == "log"]
    assert said["level"] == "warning"
    assert "the function's log cannot be read: " in said["message"]
    assert told[-1]["event"] == "run_succeeded"
