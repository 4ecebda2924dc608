"""How a call speaks in the history."""

import pytest

from stepwell.asl.outcome import Call
from stepwell.asl.payload import Payload
from stepwell.engine.tasks import scheduled, voice


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
