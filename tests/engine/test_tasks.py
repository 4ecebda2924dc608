"""How a call speaks in the history."""

import pytest

from stepwell.asl.outcome import Call
from stepwell.asl.payload import Payload
from stepwell.engine.tasks import lambda_result, scheduled, voice


@pytest.mark.parametrize(
    ("resource", "type_", "name"),
    [
        ("arn:aws:states:::lambda:invoke", "lambda", "invoke"),
        ("arn:aws:states:::sqs:sendMessage.waitForTaskToken", "sqs", "sendMessage.waitForTaskToken"),
        ("arn:aws:states:::aws-sdk:sfn:sendTaskSuccess", "aws-sdk:sfn", "sendTaskSuccess"),
        ("arn:aws:states:::states:startExecution.sync:2", "states", "startExecution.sync:2"),
    ],
)
def test_an_integration_is_told_by_its_type_and_action(resource, type_, name):
    assert voice(resource) == ("Task", {"resource": name, "resourceType": type_})


def test_a_scheduled_event_has_the_limits_and_the_role_of_its_call():
    role = Payload.of({"RoleArn": "arn:aws:iam::1:role/r"})
    type_, payload, details = scheduled(Call("arn:aws:states:::lambda:invoke", Payload.of({}), 9, 3, role))
    shown = {key: value for key, value in details.items() if not key.startswith("_")}
    assert (type_, payload.value) == ("TaskScheduled", {})
    assert shown == {
        "resource": "invoke",
        "resourceType": "lambda",
        "region": "us-east-1",
        "timeoutInSeconds": 9,
        "heartbeatInSeconds": 3,
        "taskCredentials": {"roleArn": "arn:aws:iam::1:role/r"},
    }


def test_lambda_invoke_answers_as_the_api_of_lambda_does():
    answer = lambda_result(Payload.of({"a": 1}), "r-1", "Mon, 01 Jan 2024 00:00:00 GMT", "Root=1").value
    assert (answer["Payload"], answer["StatusCode"], answer["ExecutedVersion"]) == ({"a": 1}, 200, "$LATEST")
    assert answer["SdkHttpMetadata"]["AllHttpHeaders"]["Content-Length"] == ["7"]
    assert answer["SdkResponseMetadata"] == {"RequestId": "r-1"}
