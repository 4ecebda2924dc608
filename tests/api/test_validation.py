"""Requests are held against AWS's shapes, and what is wrong is said in AWS's words."""

import subprocess
import sys
from pathlib import Path

import botocore
import pytest
from botocore.session import get_session

from stepwell.api.actions import ACTIONS
from stepwell.api.validation import BOTOCORE, INPUTS, SHAPES, validate
from stepwell.errors import SerializationException, ValidationException
from tests.api.served import disagreements

ROOT = Path(__file__).parents[2]
GOOD = {"name": "n", "definition": "{}", "roleArn": "r"}
MODELS = {"": "stepfunctions", "Lambda.": "lambda"}


def told(operation, request):
    with pytest.raises(ValidationException) as error:
        validate(operation, request)
    return error.value.message


@pytest.mark.parametrize(
    ("operation", "request_", "text"),
    [
        ("ListStateMachines", {"maxResults": 1001},
         "Value '1001' at 'maxResults' failed to satisfy constraint: "
         "Member must have value less than or equal to 1000"),
        ("ListStateMachines", {"nextToken": ""},
         "Value '' at 'nextToken' failed to satisfy constraint: Member must have length greater than or equal to 1"),
        ("ListExecutions", {"statusFilter": "succeeded"},
         "Value 'succeeded' at 'statusFilter' failed to satisfy constraint: Member must satisfy enum value set: "
         "[SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]"),
        ("UpdateMapRun", {"mapRunArn": "a", "toleratedFailurePercentage": 100.5},
         "Value '100.5' at 'toleratedFailurePercentage' failed to satisfy constraint: "
         "Member must have value less than or equal to 100"),
        ("DescribeExecution", {},
         "Value null at 'executionArn' failed to satisfy constraint: Member must not be null"),
        ("TagResource", {"resourceArn": "a", "tags": [{"key": "k"}, {"key": ""}]},
         "Value '' at 'tags.2.member.key' failed to satisfy constraint: "
         "Member must have length greater than or equal to 1"),
        ("UntagResource", {"resourceArn": "a", "tagKeys": [None]},
         "Value null at 'tagKeys.1.member' failed to satisfy constraint: Member must not be null"),
    ],
)  # fmt: skip
def test_one_mistake_is_told_as_aws_tells_it(operation, request_, text):
    assert told(operation, request_) == f"1 validation error detected: {text}"


def test_all_mistakes_are_told_at_once():
    text = told("CreateStateMachine", {"name": "", "type": "X"})
    assert text.startswith("4 validation errors detected: Value '' at 'name'")
    assert "; Value 'X' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [" in text


def test_what_is_sensitive_is_not_repeated():
    text = told("StartExecution", {"stateMachineArn": "a", "input": "secret" * 50_000})
    assert "secret" not in text
    assert text.startswith("1 validation error detected: Value at 'input' failed to satisfy constraint")


def test_a_pattern_holds_for_the_whole_value():
    routing = [{"stateMachineVersionArn": "a", "weight": 100}]
    text = told("CreateStateMachineAlias", {"name": "123", "routingConfiguration": routing})
    assert "Member must satisfy regular expression pattern: ^(?=.*[a-zA-Z_" in text
    validate("CreateStateMachineAlias", {"name": "v1.2", "routingConfiguration": routing})


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ({"name": 1}, "NUMBER_VALUE can not be converted to a String"),
        ({"name": True}, "TRUE_VALUE can not be converted to a String"),
        ({"publish": "yes"}, "STRING_VALUE can not be converted to a Boolean"),
        ({"name": {}}, "Start of structure or map found where not expected."),
        ({"tags": {}}, "expected start of list"),
        ({"tracingConfiguration": []}, "expected start of structure"),
        ([], "expected start of structure"),
    ],
)
def test_a_value_of_another_type_is_not_converted(request_, text):
    with pytest.raises(SerializationException, match=text):
        validate("CreateStateMachine", GOOD | request_ if isinstance(request_, dict) else request_)


@pytest.mark.parametrize(("field", "most"), [("maxConcurrency", 2**31 - 1), ("toleratedFailureCount", 2**63 - 1)])
def test_a_number_has_as_many_bits_as_its_type(field, most):
    validate("UpdateMapRun", {"mapRunArn": "a", field: most})
    with pytest.raises(SerializationException, match=r"NUMBER_VALUE can not be converted to an? "):
        validate("UpdateMapRun", {"mapRunArn": "a", field: most + 1})


def test_a_good_request_and_fields_of_the_future_pass():
    validate("CreateStateMachine", GOOD | {"somethingNew": 1})


# Against AWS's own models


def test_all_thirty_seven_actions_of_the_api_are_served():
    model = get_session().get_service_model("stepfunctions")
    assert ACTIONS.keys() == {name for name in INPUTS if not name.startswith("Lambda.")}
    assert ACTIONS.keys() >= set(model.operation_names) if botocore.__version__ == BOTOCORE else len(ACTIONS) == 37


@pytest.mark.skipif(botocore.__version__ != BOTOCORE, reason="made from another release of botocore")
def test_the_shapes_are_what_botocore_says():
    made = subprocess.run(
        [sys.executable, ROOT / "tools/shapes.py", "--print"], capture_output=True, text=True, check=True
    )
    assert made.stdout == (ROOT / "src/stepwell/api/shapes.json").read_text()


def test_the_shapes_agree_with_any_release_of_botocore():
    """What was added since is new to us; what both know is the same."""
    for prefix, service in MODELS.items():
        model = get_session().get_service_model(service)
        for name, shape in INPUTS.items():
            if name.startswith("Lambda.") == bool(prefix) and name.removeprefix(prefix) in model.operation_names:
                agree(shape, model.operation_model(name.removeprefix(prefix)).input_shape)


def test_an_answer_of_another_shape_would_be_seen():
    """The boto3 clients of these tests hold every answer against its model (served.py)."""
    shape = get_session().get_service_model("stepfunctions").operation_model("StartExecution").output_shape
    assert list(disagreements(shape, {"executionArn": "a", "startDate": 1.5}, "A")) == []
    wrong = {"executionArn": 1, "startdate": 2}
    assert list(disagreements(shape, wrong, "A")) == [
        "A.startdate is unknown",
        "A.startDate is missing",
        "A.executionArn is no string: 1",
    ]


def agree(ours, theirs):
    type_, facts = SHAPES[ours]
    assert type_ == theirs.type_name, ours
    for key in ("min", "max", "pattern"):
        if key in facts and not ours.startswith("Lambda."):  # whose limits grow from release to release
            assert facts[key] == theirs.metadata[key], (ours, key)
    if type_ == "structure":
        assert set(facts["required"]) <= set(theirs.required_members), ours
        for key, member in facts["members"].items():
            if key in theirs.members:
                agree(member, theirs.members[key])
    elif type_ == "list":
        agree(facts["member"], theirs.member)
