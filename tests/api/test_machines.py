"""What state machines are made of beside their definition: role, logging, encryption, tags."""

import pytest

from tests.api.served import PASS, ROLE, WAIT
from tests.api.test_boto3 import refused

GROUP = "arn:aws:logs:us-east-1:123456789012:log-group:g"


def to(*groups):
    return [{"cloudWatchLogsLogGroup": {"logGroupArn": group}} for group in groups]


@pytest.fixture
def make(sfn, request):
    """`make(**more)` makes the test's state machine; its answer."""

    def create(**more):
        return sfn.create_state_machine(
            **{"name": request.node.originalname[:80], "definition": PASS, "roleArn": ROLE, **more}
        )

    return create


@pytest.mark.parametrize("role", ["role", "arn:aws:iam::aws:policy/AWSBatchFullAccess", "arn:aws:iam::1:user/u"])
def test_a_role_is_the_arn_of_one_when_a_machine_is_made_and_when_it_is_changed(sfn, role):
    arn = sfn.create_state_machine(name="role", definition=PASS, roleArn=ROLE)["stateMachineArn"]
    told = ("InvalidArn", f"Invalid Role Arn: '{role}'")
    assert refused(sfn.create_state_machine, name="r", definition=PASS, roleArn=role) == told
    assert refused(sfn.update_state_machine, stateMachineArn=arn, roleArn=role) == told


@pytest.mark.parametrize(
    ("logging", "told"),
    [
        ({"level": "ALL"}, "Must specify exactly one Log Destination."),
        ({"level": "OFF", "destinations": to(f"{GROUP}:*") * 2}, "Must specify exactly one Log Destination."),
        ({"level": "ERROR", "destinations": to(GROUP)}, "Log Group ARN must be provided with '*' qualifier."),
    ],
)
def test_what_is_logged_has_one_place_to_go_to(sfn, make, logging, told):
    expected = ("InvalidLoggingConfiguration", f"Invalid Logging Configuration: {told}")
    assert refused(make, loggingConfiguration=logging) == expected


def test_logging_is_shown_as_it_was_given(sfn, make):
    logging = {"level": "ALL", "includeExecutionData": True, "destinations": to(f"{GROUP}:*")}
    arn = make(loggingConfiguration=logging)["stateMachineArn"]
    assert sfn.describe_state_machine(stateMachineArn=arn)["loggingConfiguration"] == logging


def test_a_key_of_the_customers_is_named(make):
    told = refused(make, encryptionConfiguration={"type": "CUSTOMER_MANAGED_KMS_KEY"})
    assert told[0] == "InvalidEncryptionConfiguration"


def test_tracing_is_on_or_off(sfn, make):
    assert refused(make, tracingConfiguration={})[0] == "InvalidTracingConfiguration"
    arn = make()["stateMachineArn"]
    told = refused(sfn.update_state_machine, stateMachineArn=arn, tracingConfiguration={})
    assert told[0] == "InvalidTracingConfiguration"


def test_to_say_what_is_usual_is_no_other_machine_and_no_change(sfn, make):
    usual = {
        "loggingConfiguration": {"level": "OFF", "includeExecutionData": False},
        "tracingConfiguration": {"enabled": False},
    }
    arn = make()["stateMachineArn"]
    assert make(**usual)["stateMachineArn"] == arn
    assert "revisionId" not in sfn.update_state_machine(stateMachineArn=arn, **usual)
    assert refused(make, tracingConfiguration={"enabled": True})[0] == "StateMachineAlreadyExists"


@pytest.mark.parametrize("name", ["it's", "a!b@(c)+=", "été-日本", "e\u200dmoji"])
def test_a_name_may_have_whatever_aws_does_not_forbid(sfn, make, name):
    arn = make(name=name)["stateMachineArn"]
    assert sfn.start_execution(stateMachineArn=arn, name=name)["executionArn"].endswith(f":{name}:{name}")
    assert sfn.describe_activity(activityArn=sfn.create_activity(name=name)["activityArn"])["name"] == name


@pytest.mark.parametrize("name", ["a b", "a\u3000b", "a/b", "a:b", "a\x7fb", "a\u0085b", "a\uffffb", 'a"b', "a`b"])
def test_a_name_has_nothing_that_aws_forbids(sfn, make, name):
    told = ("InvalidName", f"Invalid Name: '{name}'")
    assert refused(make, name=name) == refused(sfn.create_activity, name=name) == told


def test_to_publish_is_part_of_what_is_repeated(sfn, make):
    first = make(publish=True, versionDescription="one")
    again = make(publish=True, versionDescription="one")
    assert again["stateMachineVersionArn"] == first["stateMachineVersionArn"]
    assert refused(make, publish=True, versionDescription="two")[0] == "StateMachineAlreadyExists"
    assert refused(make, publish=True)[0] == "StateMachineAlreadyExists"


def test_a_distributed_map_is_no_state_machine_to_work_on(sfn, make):
    arn = f"{make()['stateMachineArn']}/label"
    for call in (sfn.start_execution, sfn.describe_state_machine, sfn.delete_state_machine):
        assert refused(call, stateMachineArn=arn)[0] == "ValidationException"
    assert refused(sfn.update_state_machine, stateMachineArn=arn, roleArn=ROLE)[0] == "ValidationException"


def test_more_than_fifty_tags_are_refused_from_the_beginning(sfn, make):
    many = [{"key": str(number), "value": ""} for number in range(51)]
    assert refused(make, tags=many)[0] == "TooManyTags"
    assert refused(sfn.create_activity, name="tags", tags=many)[0] == "TooManyTags"
    tags = sfn.list_tags_for_resource(resourceArn=make(tags=many[:50])["stateMachineArn"])["tags"]
    assert len(tags) == 50


def test_a_definition_that_is_no_json_is_refused_in_the_words_of_awss_parser(sfn, make):
    told = "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', "
    code, text = refused(make, definition="not json")
    assert code == "InvalidDefinition"
    assert text.startswith(f"Invalid State Machine Definition: 'INVALID_JSON_DESCRIPTION: {told}")
    [diagnostic] = sfn.validate_state_machine_definition(definition="not json")["diagnostics"]
    assert diagnostic["message"].startswith(told)


def test_a_definition_of_blanks_is_missing(sfn, make):
    code, text = refused(make, definition=" \n")
    told = "MISSING_DESCRIPTION: Received a null or empty workflow input. at /"
    assert (code, text) == ("InvalidDefinition", f"Invalid State Machine Definition: '{told}'")
    [diagnostic] = sfn.validate_state_machine_definition(definition=" ")["diagnostics"]
    assert diagnostic["code"] == "MISSING_DESCRIPTION"


def test_executions_of_a_version_or_an_alias_that_there_is_not_are_not_listed(sfn, make):
    arn = make()["stateMachineArn"]
    for of in (f"{arn}:7", f"{arn}:live"):
        told = ("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{of}'")
        assert refused(sfn.list_executions, stateMachineArn=of) == told
        assert refused(sfn.list_state_machine_aliases, stateMachineArn=of) == told


def test_executions_are_listed_of_a_machine_or_of_a_map_run(sfn, make):
    arn, run = make()["stateMachineArn"], "arn:aws:states:us-east-1:123456789012:mapRun:m/l:r"
    for request in ({}, {"stateMachineArn": arn, "mapRunArn": run}):
        told = ("ValidationException", "Must provide a State Machine ARN or Map Run ARN")
        assert refused(sfn.list_executions, **request) == told


def test_the_answer_of_an_express_execution_has_its_trace_and_no_version(sfn, make):
    version = make(type="EXPRESS", publish=True)["stateMachineVersionArn"]
    told = sfn.start_sync_execution(stateMachineArn=version, traceHeader="Root=1")
    assert (told["status"], told["traceHeader"]) == ("SUCCEEDED", "Root=1")


def test_an_alias_is_changed_in_something(sfn, make):
    version = make(publish=True)["stateMachineVersionArn"]
    routes = [{"stateMachineVersionArn": version, "weight": 100}]
    alias = sfn.create_state_machine_alias(name="live", routingConfiguration=routes)["stateMachineAliasArn"]
    assert refused(sfn.update_state_machine_alias, stateMachineAliasArn=alias)[0] == "ValidationException"
    sfn.update_state_machine_alias(stateMachineAliasArn=alias, description="d")
    assert sfn.describe_state_machine_alias(stateMachineAliasArn=alias)["description"] == "d"


def test_a_changed_definition_keeps_the_settings(sfn, make):
    arn = make(tracingConfiguration={"enabled": True})["stateMachineArn"]
    sfn.update_state_machine(stateMachineArn=arn, definition=WAIT)
    assert sfn.describe_state_machine(stateMachineArn=arn)["tracingConfiguration"] == {"enabled": True}
