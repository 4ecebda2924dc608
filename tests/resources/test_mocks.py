"""Mocked results against the models that the services publish."""

import pytest

from stepwell.errors import ValidationException
from stepwell.resources.mocks import check_mock

EVENTS = "events:putEvents"


@pytest.mark.parametrize(
    ("resource", "result", "told"),
    [
        ("aws-sdk:kms:encrypt", {"CiphertextBlob": 123}, "'CiphertextBlob' must be a string"),
        ("aws-sdk:kms:encrypt", {"CiphertextBlob": ""}, "'CiphertextBlob' is smaller than the minimum length"),
        (
            "aws-sdk:lambda:getFunction",
            {"Configuration": {"MemorySize": 127}},
            "'MemorySize' is less than the minimum value",
        ),
        ("aws-sdk:lambda:getFunction", {"Configuration": {"Timeout": "1"}}, "'Timeout' must be a number"),
        ("aws-sdk:s3:getObject", {"StorageClass": "Papyrus"}, "'StorageClass' is not an expected value"),
        ("aws-sdk:s3:getObject", {"DeleteMarker": "no"}, "'DeleteMarker' must be a boolean"),
        ("dynamodb:putItem", {"ConsumedCapacity": {"CapacityUnits": "1"}}, "'CapacityUnits' must be a number"),
        ("dynamodb:putItem", {"ConsumedCapacity": 1}, "'ConsumedCapacity' must be an object"),
        (EVENTS, {"Entries": "x"}, "'Entries' must be an array"),
        (EVENTS, {"Entries": [{"EventId": "x"}, {"EventId": ["x"]}]}, "'EventId' must be a string"),
        ("lambda:invoke", {"StatusCode": True}, "'StatusCode' must be a number"),
        ("states:startExecution", {"StartDate": True}, "'StartDate' must be a string"),
        ("states:startExecution.sync:2", {"Status": "DONE"}, "'Status' is not an expected value"),
        ("batch:submitJob.sync", {"JobName": 1}, "'JobName' must be a string"),
        ("aws-sdk:rds:createDBCluster", {"DbCluster": {"Port": "1"}}, "'Port' must be a number"),
        ("aws-sdk:sfn:describeExecution", {"Name": "x" * 81}, "'Name' exceeds the maximum length"),
    ],
)
def test_a_field_that_the_service_would_not_answer_is_refused(resource, result, told):
    with pytest.raises(ValidationException) as refusal:
        check_mock(f"arn:aws:states:::{resource}", result, strict=False)
    assert refusal.value.message == f"Mock result schema validation error: Field {told}"


@pytest.mark.parametrize(
    ("resource", "result"),
    [
        (f"arn:aws:states:::{EVENTS}", {}),
        (f"arn:aws:states:::{EVENTS}", {"random": "json"}),
        ("arn:aws:states:::lambda:invoke", {"Payload": {"a": [1]}}),
        ("arn:aws:states:::states:startExecution.sync:2", {"Output": {"a": 1}}),
        ("arn:aws:states:::aws-sdk:rds:createDBCluster", {"DBCluster": 1}),
        ("arn:aws:states:::aws-sdk:bedrockruntime:converse", {"AdditionalModelResponseFields": {"any": ["JSON"]}}),
        ("arn:aws:states:::bedrock:invokeModel", 1),
        ("arn:aws:states:::sqs:sendMessage.waitForTaskToken", {"MessageId": 1}),
        ("arn:aws:states:::http:invoke", 1),
        ("arn:aws:lambda:us-east-1:123456789012:function:f", 1),
    ],
)
def test_what_no_model_speaks_of_is_let_through(resource, result):
    check_mock(resource, result, strict=False)


@pytest.mark.parametrize("result", [1, [], None, "text"])
def test_a_service_answers_with_an_object(result):
    with pytest.raises(ValidationException) as refusal:
        check_mock(f"arn:aws:states:::{EVENTS}", result, strict=False)
    assert refusal.value.message == "Mocked result must be a JSON object."


def test_only_a_strict_mock_needs_what_the_service_always_answers():
    resource = "arn:aws:states:::states:startExecution"
    check_mock(resource, {"ExecutionArn": "x"}, strict=False)
    with pytest.raises(ValidationException, match="Field 'StartDate' is required"):
        check_mock(resource, {"ExecutionArn": "x"}, strict=True)
