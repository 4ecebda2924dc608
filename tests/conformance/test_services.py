"""Cases recorded from AWS that need SQS, SNS, DynamoDB, S3 …: their definitions are read where they are and run against
a fake AWS, and what the engine says of them is held against what AWS has said.

What depends on the moment of the recording is rebuilt: queues are made anew, tokens are those that arrive in them.
"""

import importlib.util
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.api.served import KEYS, Served, end_of
from tests.conformance.test_recorded import RECORDED
from tests.fake import ACCOUNT, fake_aws

# What needs a part of AWS that neither this machine nor the fake one has, or was not kept with the recording.
NOT_REBUILT = {
    "test_event_bridge_events_base": "EventBridge's own events of status changes are not sent",
    "test_cloudformation_definition_create_describe": "CloudFormation makes the machines",
    "test_cloudformation_definition_string_create_describe": "CloudFormation makes the machines",
    "test_start_async_describe_history_execution": "CloudWatch Logs of Express machines are not written",
    "test_sqs_failure_in_wait_for_task_tok_no_error_field_SQS_PARALLEL_WAIT_FOR_TASK_TOKEN": "no definition was kept",
}
# S3, SQS and DynamoDB as the fake has them answer these otherwise; they are no words of the engine.
OF_THE_FAKE = [
    "$..ConsumedCapacity",
    "$..ServerSideEncryption",
    "$..ChecksumType",
    "$..ChecksumCRC32",
    "$..ChecksumCRC64NVME",
]
# Who only prepares or looks into what the engine is not asked about.
SKIPPED = {"ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "SetQueueAttributes", "DescribeTable"}
# Placeholders that the comparison does not know as such.
UNLIKE = {'"sqs_queue_url"': '"<sqs_queue_url>"', "<<task_token>:1>": "<task_token>", "table-name": "<table_name>"}
UNLIKE |= {
    "a_task_token": "<task_token>",
    "a_message_id": "<message_id>",
    "bucket-name": "<bucket_name>",
    '"file-key"': '"<file_key>"',
}
TOKEN = re.compile(r"TaskToken\\*\":\s*\\*\"([\w=-]+)")


def cases() -> list[dict[str, Any]]:
    """Those that other services take part in; those of S3 that maps read have a test of their own."""
    found = [json.loads(file.read_text()) for file in sorted(RECORDED.glob("cases/*/*.json"))]
    return [
        case for case in found if case["needs"] == "other" or (case["needs"] == "s3" and ".test_s3_" in case["name"])
    ]


def is_rebuilt(case: dict[str, Any]) -> bool:
    return not any(name in case["name"] for name in NOT_REBUILT)


class Stage:
    """One case on its way: what the names of the recording are here."""

    def __init__(self, case: dict[str, Any], served: Served, fake: str) -> None:
        self.case, self.served, self.fake = case, served, fake
        self.names = {":000000000000:": ":123456789012:", "${roleArn": "arn:aws:iam::123456789012:role/${roleArn"}
        self.queues: list[str] = []
        self.tokens: list[str] = []

    def play(self) -> list[str]:
        """What is different."""
        found: list[str] = []
        for step in self.case["steps"]:
            if step["op"] not in SKIPPED and (step["op"] != "GetExecutionHistory" or step.get("match")):
                answers = self.perform(step)
                found += [each for key in step.get("match", ()) for each in self.compared(key, answers)]
        return found

    def perform(self, step: dict[str, Any]) -> list[Any]:
        """An answer, or a refusal in all its forms."""
        own = step["service"] == "stepfunctions"
        self.await_token(step["params"].get("taskToken"))
        params = self.filled(step["params"])
        if isinstance(params.get("definition"), dict):
            params["definition"] = json.dumps(params["definition"])
        client = self.served.client() if own else boto3.client(step["service"], endpoint_url=self.fake, **KEYS)
        if step.get("poll"):
            end_of(client, params["executionArn"])
        try:
            answer = getattr(client, re.sub(r"(?<=[a-z])(?=[A-Z])", "_", step["op"]).lower())(**params)
        except ClientError as error:
            return [error.response, error.response["Error"], str(error), _told(error)]
        self.learn(step, params, answer)
        answer.pop("ResponseMetadata")
        return [answer, *(value for value in answer.values() if isinstance(value, dict | list))]

    def learn(self, step: dict[str, Any], params: dict[str, Any], answer: dict[str, Any]) -> None:
        for field, placeholder in (step.get("save") or {}).items():
            self.names[placeholder] = answer[field]
        if "QueueUrl" in answer:
            name = params["QueueName"]
            self.names[f"http://127.0.0.1:5000/000000000000/{name}"] = answer["QueueUrl"]
            self.queues.append(answer["QueueUrl"])
        if "Body" in answer:
            answer["Body"] = answer["Body"].read().decode()

    def await_token(self, recorded: str | None) -> None:
        """A token of the recording is the next one that arrives here."""
        sqs = boto3.client("sqs", endpoint_url=self.fake, **KEYS)
        until = time.monotonic() + 60
        while recorded and recorded not in self.names and time.monotonic() < until:
            for queue in self.queues:
                for message in sqs.receive_message(QueueUrl=queue).get("Messages", ()):
                    self.tokens += TOKEN.findall(message["Body"])
            if self.tokens:
                self.names[recorded] = self.tokens.pop(0)
        assert recorded is None or recorded in self.names, f"{self.case['name']}: no token has come within 20 s"

    def filled(self, value: Any) -> Any:
        if isinstance(value, dict) and "__bytes__" in value:  # only their number was kept, and what was read of them
            return re.findall(r'"Body": "([^"]*)"', json.dumps(self.case["expected"]))[0]
        if isinstance(value, dict):
            return {key: self.filled(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.filled(item) for item in value]
        if isinstance(value, str):
            for name in sorted(self.names, key=len, reverse=True):
                value = value.replace(name, self.names[name])
            return re.sub(r"\$\{roleArn_\d+\}", "r", value)
        return value

    def compared(self, key: str, answers: list[Any]) -> list[str]:
        """The difference to that of these answers which is the nearest."""
        if key == "messages":  # what SNS has made of it
            return []
        text = json.dumps(self.case["expected"].get(key))
        for unlike, alike in UNLIKE.items():
            text = text.replace(unlike, alike)
        ignored, expected = [*self.case["ignore_paths"], *OF_THE_FAKE], json.loads(text)
        plain = json.loads(json.dumps(answers, default=lambda _: "timestamp"))
        found = (diffs(expected, each, ignored) for each in plain if type(each) is type(expected))
        return [f"{key}: {each}" for each in min(found, key=len)]


def _told(error: ClientError) -> dict[str, str]:
    return {"exception_typename": type(error).__name__, "exception_value": str(error)}


def diffs(expected: Any, answer: Any, ignored: list[str]) -> list[str]:
    spec = importlib.util.spec_from_file_location("compare", RECORDED / "compare.py")
    assert spec
    assert spec.loader
    compare = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(compare)
    found: list[str] = compare.diffs(expected, answer, ignored)
    return found


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded cases are not beside this project")
@pytest.mark.proves("Resource.optimised")
def test_what_is_recorded_with_other_services_is_told_as_aws_has_told_it(tmp_path: Path) -> None:
    chosen = [case for case in cases() if is_rebuilt(case)]
    assert len(chosen) >= 30
    with fake_aws() as fake:
        served = Served(tmp_path, ACCOUNT | {"AWS_ENDPOINT_URL": fake, "AWS_DEFAULT_REGION": "us-east-1"})
        try:
            with ThreadPoolExecutor(len(chosen)) as pool:
                found = dict(pool.map(lambda case: (case["name"], Stage(case, served, fake).play()), chosen))
        finally:
            served.end()
    assert {name: told for name, told in found.items() if told} == {}


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded cases are not beside this project")
def test_what_cannot_be_rebuilt_is_named() -> None:
    left = [case["name"] for case in cases() if not is_rebuilt(case)]
    assert all(any(name in case for case in left) for name in NOT_REBUILT)
