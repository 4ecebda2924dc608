"""boto3 cannot tell the difference: a machine's and an execution's whole life through the real client."""

import json

import pytest
from botocore.exceptions import ClientError

from tests.api.served import PASS, ROLE, WAIT, machine

FAIL = machine(Type="Fail", Error="E", Cause="C")


@pytest.fixture
def make(sfn):
    """`make(name, definition)` makes a state machine; its ARN."""

    def create(name, definition=PASS, **request):
        return sfn.create_state_machine(name=name, definition=definition, roleArn=ROLE, **request)["stateMachineArn"]

    return create


def refused(call, **request):
    with pytest.raises(ClientError) as told:
        call(**request)
    error = told.value.response["Error"]
    return error["Code"], error["Message"]


def test_an_execution_is_started_and_described(sfn, make, ended):
    arn = sfn.start_execution(stateMachineArn=make("simple"), name="one", input='{"a": 1}')["executionArn"]
    told = ended(arn)
    assert (told["name"], told["status"], told["output"]) == ("one", "SUCCEEDED", '{"a":1}')


def test_the_paginator_reads_a_whole_history(sfn, make, ended):
    arn = sfn.start_execution(stateMachineArn=make("history"))["executionArn"]
    ended(arn)
    pages = sfn.get_paginator("get_execution_history").paginate(executionArn=arn, PaginationConfig={"PageSize": 3})
    assert [[event["id"] for event in page["events"]] for page in pages] == [[1, 2, 3], [4]]


def test_a_stopped_execution_is_redriven(sfn, make, ended):
    arn = sfn.start_execution(stateMachineArn=make("stopped", WAIT))["executionArn"]
    sfn.stop_execution(executionArn=arn, error="E", cause="C")
    assert ended(arn)["error"] == "E"
    sfn.redrive_execution(executionArn=arn)
    told = sfn.describe_execution(executionArn=arn)
    assert (told["status"], told["redriveCount"]) == ("RUNNING", 1)
    assert refused(sfn.redrive_execution, executionArn=arn)[0] == "ExecutionNotRedrivable"


def test_what_runs_answers_a_second_start_and_what_has_ended_does_not(sfn, make, ended):
    running, done = make("running", WAIT), make("done")
    first = sfn.start_execution(stateMachineArn=running, name="e", input="{}")["executionArn"]
    assert sfn.start_execution(stateMachineArn=running, name="e", input="{}")["executionArn"] == first
    code, text = refused(sfn.start_execution, stateMachineArn=running, name="e", input="[]")
    assert (code, text) == ("ExecutionAlreadyExists", f"Execution Already Exists: '{first}'")
    ended(sfn.start_execution(stateMachineArn=done, name="e")["executionArn"])
    assert refused(sfn.start_execution, stateMachineArn=done, name="e")[0] == "ExecutionAlreadyExists"


@pytest.mark.proves("API.ListStateMachines")
def test_state_machines_and_executions_come_in_pages(sfn, make, ended):
    arns = [make(f"page-{n}") for n in range(5)]
    found = []
    for page in sfn.get_paginator("list_state_machines").paginate(PaginationConfig={"PageSize": 2}):
        assert len(page["stateMachines"]) <= 2
        found += [item["stateMachineArn"] for item in page["stateMachines"]]
    assert [arn for arn in found if arn in arns] == arns
    started = [sfn.start_execution(stateMachineArn=arns[0])["executionArn"] for _ in range(3)]
    pages = sfn.get_paginator("list_executions").paginate(stateMachineArn=arns[0], PaginationConfig={"PageSize": 2})
    assert [item["executionArn"] for page in pages for item in page["executions"]] == started[::-1]


def test_creating_again_ignores_role_and_tags_and_nothing_else(sfn, make):
    arn = make("again")
    other = "arn:aws:iam::123456789012:role/other"
    assert sfn.create_state_machine(name="again", definition=PASS, roleArn=other)["stateMachineArn"] == arn
    assert sfn.describe_state_machine(stateMachineArn=arn)["roleArn"] == ROLE
    request = {"name": "again", "definition": PASS, "roleArn": ROLE, "type": "EXPRESS"}
    assert refused(sfn.create_state_machine, **request)[0] == "StateMachineAlreadyExists"


def test_an_update_that_changes_nothing_is_no_revision(sfn, make):
    arn = make("update")
    assert "revisionId" not in sfn.update_state_machine(stateMachineArn=arn, definition=PASS)
    first = sfn.update_state_machine(stateMachineArn=arn, definition=WAIT)["revisionId"]
    assert sfn.update_state_machine(stateMachineArn=arn, roleArn=ROLE)["revisionId"] == first
    assert refused(sfn.update_state_machine, stateMachineArn=arn)[0] == "MissingRequiredParameter"


@pytest.mark.proves("API.DeleteStateMachine")
def test_a_deleted_machine_is_gone_and_its_executions_go_on(sfn, make):
    arn = make("gone", WAIT)
    execution = sfn.start_execution(stateMachineArn=arn)["executionArn"]
    sfn.delete_state_machine(stateMachineArn=arn)
    sfn.delete_state_machine(stateMachineArn=arn)
    assert refused(sfn.describe_state_machine, stateMachineArn=arn)[0] == "StateMachineDoesNotExist"
    assert sfn.describe_execution(executionArn=execution)["status"] == "RUNNING"
    assert sfn.describe_state_machine_for_execution(executionArn=execution)["definition"] == WAIT


@pytest.mark.proves("API.ValidateStateMachineDefinition")
def test_every_mistake_of_a_definition_is_told_with_its_address(sfn):
    broken = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "C": {"Type": "Zap"}}})
    code, text = refused(sfn.create_state_machine, name="broken", definition=broken, roleArn=ROLE)
    assert code == "InvalidDefinition"
    assert text.startswith("Invalid State Machine Definition: '")
    told = sfn.validate_state_machine_definition(definition=broken)
    places = {item["location"] for item in told["diagnostics"]}
    assert told["result"] == "FAIL"
    assert {"/States/A/Next", "/States/C/Type"} <= places
    assert (len(told["diagnostics"]) > 1, told["truncated"]) == (True, False)
    told = sfn.validate_state_machine_definition(definition=broken, maxResults=1)
    assert (len(told["diagnostics"]), told["truncated"]) == (1, True)
    told = sfn.validate_state_machine_definition(definition=PASS)
    assert (told["result"], told["diagnostics"], told["truncated"]) == ("OK", [], False)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("not json", "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', "
                     "'true' or 'false')"),
        ("{'a': 1}", "Unexpected character (''' (code 39)): was expecting double-quote to start field name"),
        ("", "Invalid execution input."),
        ('{"a": NaN}', "Unrecognized token 'NaN': was expecting (JSON String, Number, Array, Object or token 'null', "
                       "'true' or 'false')"),
    ],
)  # fmt: skip
def test_an_input_that_is_no_json_is_refused_in_the_words_of_awss_parser(sfn, make, text, told):
    code, message = refused(sfn.start_execution, stateMachineArn=make("input"), input=text)
    assert (code, message) == ("InvalidExecutionInput", f"Invalid State Machine Execution Input: '{told}'")


@pytest.mark.proves("API.DescribeStateMachine")
def test_logging_and_tracing_are_kept_and_shown(sfn, make):
    told = sfn.describe_state_machine(stateMachineArn=make("settings", tracingConfiguration={"enabled": True}))
    assert told["tracingConfiguration"] == {"enabled": True}
    assert told["loggingConfiguration"] == {"level": "OFF", "includeExecutionData": False}


# Express


@pytest.mark.proves("API.StartSyncExecution")
def test_an_express_execution_is_waited_for(sfn, make):
    told = sfn.start_sync_execution(stateMachineArn=make("express", type="EXPRESS"), name="n", input="[1]")
    assert (told["status"], told["output"], told["name"]) == ("SUCCEEDED", "[1]", "n")
    assert ":express:express:n:" in told["executionArn"]
    assert told["billingDetails"] == {"billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": 100}
    failed = sfn.start_sync_execution(stateMachineArn=make("express-fail", FAIL, type="EXPRESS"))
    assert (failed["status"], failed["error"], failed["cause"]) == ("FAILED", "E", "C")


def test_an_express_execution_is_in_no_list_and_has_no_history(sfn, make):
    arn = make("express-async", type="EXPRESS")
    execution = sfn.start_execution(stateMachineArn=arn)["executionArn"]
    wrong = ("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'")
    for call in (sfn.describe_execution, sfn.get_execution_history, sfn.stop_execution):
        assert refused(call, executionArn=execution) == wrong
    assert refused(sfn.list_executions, stateMachineArn=arn)[0] == "StateMachineTypeNotSupported"
    assert refused(sfn.start_sync_execution, stateMachineArn=make("standard"))[0] == "StateMachineTypeNotSupported"


def test_an_express_machine_waits_for_nobody(sfn):
    callback = machine(Type="Task", Resource="arn:aws:states:::sqs:sendMessage.waitForTaskToken", End=True)
    _, text = refused(sfn.create_state_machine, name="w", definition=callback, roleArn=ROLE, type="EXPRESS")
    assert "does not support '.waitForTaskToken' service integration  at /States/S/Resource" in text


# Tags


@pytest.mark.proves("API.TagResource API.UntagResource API.ListTagsForResource")
def test_tags_are_set_changed_and_removed(sfn, make):
    arn = make("tags", tags=[{"key": "a", "value": "1"}])
    sfn.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "2"}, {"key": "b", "value": ""}])
    expected = [{"key": "a", "value": "2"}, {"key": "b", "value": ""}]
    assert sfn.list_tags_for_resource(resourceArn=arn)["tags"] == expected
    sfn.untag_resource(resourceArn=arn, tagKeys=["a", "none"])
    assert sfn.list_tags_for_resource(resourceArn=arn)["tags"] == expected[1:]
    many = [{"key": str(n), "value": ""} for n in range(51)]
    assert refused(sfn.tag_resource, resourceArn=arn, tags=many)[0] == "TooManyTags"
    assert refused(sfn.tag_resource, resourceArn=f"{arn}:1", tags=[])[0] == "ResourceNotFound"
