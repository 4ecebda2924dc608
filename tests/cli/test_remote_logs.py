"""`logs --on aws`: the function's log is in CloudWatch Logs, played by moto; the runs are a real `stepwell serve`'s."""

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
    """What Lambda and the handler write of one invocation."""
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
