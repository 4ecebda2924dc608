"""`call(service, action, params)`: other services through botocore, Step Functions through this machine's own table."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from stepwell.cli.local import Engine
from stepwell.errors import ConfigurationError, ServiceError, StateMachineDoesNotExist
from stepwell.resources.services import Services


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with Engine(tmp_path) as engine:
        thread = threading.Thread(target=engine.worker.run, args=(lambda: False,))
        thread.start()
        yield engine
        engine.worker.close()
        thread.join()


def test_another_service_is_asked_at_the_standard_endpoint(aws: str) -> None:
    call = Services()
    call(
        "s3",
        "CreateBucket",
        {"Bucket": "a-bucket", "CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}},
    )
    call("s3", "putObject", {"Bucket": "a-bucket", "Key": "k", "Body": b"text"})
    assert call("s3", "getObject", {"Bucket": "a-bucket", "Key": "k"})["Body"].read() == b"text"


def test_a_service_is_known_by_the_name_that_a_resource_gives_it(aws: str) -> None:
    call = Services()
    assert call("cloudwatchlogs", "describeLogGroups", {})["logGroups"] == []
    assert call("eventbridge", "listRules", {})["Rules"] == []
    assert call("events", "listRules", {})["Rules"] == []
    with pytest.raises(ConfigurationError, match="there is no service nosuch"):
        call("nosuch", "do", {})


def test_a_refusal_carries_code_status_and_request(aws: str) -> None:
    with pytest.raises(ServiceError) as refused:
        Services()("dynamodb", "getItem", {"TableName": "none-such", "Key": {"id": {"S": "1"}}})
    assert (refused.value.code, refused.value.http, refused.value.modelled) == ("ResourceNotFoundException", 400, True)
    assert refused.value.request


def test_a_service_that_cannot_be_reached_is_an_error_of_the_client(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(ServiceError) as refused:
        Services()("sqs", "listQueues", {})
    assert (refused.value.code, refused.value.http) == ("SdkClientException", 0)


def test_step_functions_is_this_machines_own(engine: Engine) -> None:
    assert engine.services("sfn", "listStateMachines", {})["stateMachines"] == []
    with pytest.raises(StateMachineDoesNotExist):
        engine.services("states", "startExecution", {"stateMachineArn": "arn:aws:states:us-east-1:1:stateMachine:m"})
    definition = '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}'
    request = {"name": "m", "definition": definition, "roleArn": "arn:aws:iam::123456789012:role/r"}
    assert isinstance(engine.services("sfn", "createStateMachine", request)["creationDate"], datetime)


def test_step_functions_is_somebody_elses_where_the_standard_variable_says_so(
    aws: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SFN", aws)
    assert engine.services.mine("sfn") is None
    assert engine.services("sfn", "createActivity", {"name": "theirs"})["activityArn"].startswith("arn:aws:states:eu-")


def test_botocore_is_not_imported_before_a_service_is_asked() -> None:
    program = "import sys, stepwell.cli.served; assert 'botocore' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_without_botocore_it_is_said_what_to_install() -> None:
    program = (
        "import sys; sys.modules['botocore'] = None\n"
        "from stepwell.resources.services import Services\n"
        "try: Services()('s3', 'listBuckets', {})\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert said.startswith("ConfigurationError")
    assert "pip install 'stepwell[aws]'" in said
