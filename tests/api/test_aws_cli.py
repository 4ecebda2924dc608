"""The real `aws` command against a real `stepwell serve`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.served import PASS, ROLE, WAIT
from tests.until import until

AWS = Path(sys.executable).with_name("aws")

pytestmark = pytest.mark.skipif(not AWS.exists(), reason="the `aws` command is not installed (test extra)")


@pytest.fixture
def aws(served, tmp_path):
    """`aws("describe-execution", …)` runs `aws stepfunctions …` with what `serve` prints; its answer."""
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ENDPOINT_URL_SFN": served.url,
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "AWS_ACCESS_KEY_ID": "stepwell",
        "AWS_SECRET_ACCESS_KEY": "stepwell",
        "AWS_DEFAULT_REGION": "us-east-1",
    }

    def run(*words, refused=False):
        command = [AWS, "stepfunctions", *words, "--output", "json"]
        done = subprocess.run(command, env=variables, capture_output=True, text=True)
        assert bool(done.returncode) == refused, done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout else done.stderr

    return run


def make(aws, name, definition):
    made = aws("create-state-machine", "--name", name, "--definition", definition, "--role-arn", ROLE)
    return made["stateMachineArn"]


def until_ended(aws, arn):
    def ended():
        told = aws("describe-execution", "--execution-arn", arn)
        return told if told["status"] != "RUNNING" else None

    return until(ended, f"{arn} has ended")


def test_a_machine_is_made_and_an_execution_read(aws):
    made = make(aws, "cli", PASS)
    arn = aws("start-execution", "--state-machine-arn", made, "--input", '{"a": 1}')["executionArn"]
    assert until_ended(aws, arn)["output"] == '{"a":1}'
    history = aws("get-execution-history", "--execution-arn", arn, "--page-size", "2")
    assert [event["type"] for event in history["events"]] == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ]


def test_an_execution_is_stopped_and_redriven(aws):
    arn = aws("start-execution", "--state-machine-arn", make(aws, "cli-wait", WAIT))["executionArn"]
    aws("stop-execution", "--execution-arn", arn, "--error", "E")
    assert until_ended(aws, arn)["error"] == "E"
    assert "redriveDate" in aws("redrive-execution", "--execution-arn", arn)
    assert aws("describe-execution", "--execution-arn", arn)["status"] == "RUNNING"


def test_a_state_is_tested_by_itself(aws):
    state = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
    mock = json.dumps({"result": '{"orderId": "12345"}'})
    told = aws("test-state", "--definition", json.dumps(state), "--mock", mock, "--inspection-level", "DEBUG")
    assert (told["status"], told["output"]) == ("SUCCEEDED", '{"orderId": "12345"}')
    assert told["inspectionData"]["result"] == '{"orderId": "12345"}'


def test_a_refusal_is_shown_as_awss(aws):
    told = aws("describe-execution", "--execution-arn", "nonsense", refused=True)
    assert "An error occurred (InvalidArn)" in told
    assert "Invalid Arn: 'Invalid ARN prefix: nonsense'" in told
