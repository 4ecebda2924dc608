"""What the actions of the Step Functions API answer, and what they refuse."""

import json
from datetime import UTC, datetime

import pytest

from stepwell import errors
from stepwell.api.arns import execution_arn, machine_arn
from stepwell.cli.local import Engine

PASS = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
WAIT = json.dumps({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}})
FAIL = json.dumps({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "C"}}})
ROLE = "arn:aws:iam::123456789012:role/r"


@pytest.fixture
def engine(tmp_path):
    with Engine(tmp_path) as engine:
        yield engine


def make(engine, definition=PASS, name="m"):
    return engine.client.create_state_machine(name=name, definition=definition, roleArn=ROLE)["stateMachineArn"]


def start(engine, definition=PASS, **request):
    arn = engine.client.start_execution(stateMachineArn=make(engine, definition), **request)["executionArn"]
    engine.worker.run(lambda: True)
    return arn


@pytest.mark.proves("API.CreateStateMachine API.StartExecution API.DescribeExecution")
def test_an_execution_is_described_as_boto3_describes_it(engine):
    arn = start(engine, name="e", input='{"a": 1}')
    told = engine.client.describe_execution(executionArn=arn)
    assert arn == "arn:aws:states:us-east-1:123456789012:execution:m:e"
    assert (told["name"], told["status"], told["input"], told["output"]) == ("e", "SUCCEEDED", '{"a": 1}', '{"a":1}')
    assert told["inputDetails"] == told["outputDetails"] == {"included": True}
    assert told["startDate"] <= told["stopDate"] <= datetime.now(UTC)
    assert (told["redriveCount"], told["redriveStatus"]) == (0, "NOT_REDRIVABLE")


def test_a_failed_execution_has_error_and_cause(engine):
    told = engine.client.describe_execution(executionArn=start(engine, FAIL))
    assert (told["status"], told["error"], told["cause"], "output" in told) == ("FAILED", "E", "C", False)


def test_the_same_name_and_input_while_it_runs_answers_the_first(engine):
    first = start(engine, WAIT, name="e", input="{}")
    again = engine.client.start_execution(stateMachineArn=machine_arn("m"), name="e", input="{}")
    assert again["executionArn"] == first


@pytest.mark.parametrize(("definition", "input_"), [(WAIT, '{"other": 1}'), (PASS, "{}")])
def test_a_name_is_not_used_twice(engine, definition, input_):
    """With another input, or when the first has ended (AWS: for 90 days)."""
    start(engine, definition, name="e", input="{}")
    with pytest.raises(errors.ExecutionAlreadyExists, match=r"Execution Already Exists: 'arn:.*:e'"):
        engine.client.start_execution(stateMachineArn=machine_arn("m"), name="e", input=input_)


def test_creating_the_same_machine_again_is_no_mistake_and_another_one_is(engine):
    assert make(engine) == make(engine)
    with pytest.raises(errors.StateMachineAlreadyExists):
        make(engine, FAIL)


@pytest.mark.proves("API.UpdateStateMachine")
def test_an_update_leaves_running_executions_with_their_definition(engine):
    arn = start(engine, WAIT)
    answer = engine.client.update_state_machine(stateMachineArn=machine_arn("m"), definition=PASS)
    assert answer["revisionId"]
    assert engine.client.describe_state_machine(stateMachineArn=machine_arn("m"))["definition"] == PASS
    assert engine.client.describe_state_machine_for_execution(executionArn=arn)["definition"] == WAIT


def test_a_machine_that_was_never_updated_has_no_revision(engine):
    assert "revisionId" not in engine.client.describe_state_machine(stateMachineArn=make(engine))


@pytest.mark.proves("API.GetExecutionHistory")
def test_histories_come_in_pages_in_both_directions(engine):
    arn = start(engine)
    pages, token = [], {}
    while True:
        page = engine.client.get_execution_history(executionArn=arn, maxResults=3, **token)
        pages.append([event["id"] for event in page["events"]])
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert pages == [[1, 2, 3], [4]]
    newest = engine.client.get_execution_history(executionArn=arn, maxResults=2, reverseOrder=True)
    assert [event["id"] for event in newest["events"]] == [4, 3]
    rest = engine.client.get_execution_history(executionArn=arn, reverseOrder=True, nextToken=newest["nextToken"])
    assert [event["id"] for event in rest["events"]] == [2, 1]


def test_times_in_a_history_are_datetimes_as_with_boto3(engine):
    events = engine.client.get_execution_history(executionArn=start(engine))["events"]
    assert all(isinstance(event["timestamp"], datetime) for event in events)


@pytest.mark.proves("API.ListExecutions")
def test_executions_are_listed_newest_first_by_status_and_in_pages(engine):
    for name in ("a", "b", "c"):
        start(engine, name=name)
    page = engine.client.list_executions(stateMachineArn=machine_arn("m"), maxResults=2)
    assert [item["name"] for item in page["executions"]] == ["c", "b"]
    rest = engine.client.list_executions(stateMachineArn=machine_arn("m"), nextToken=page["nextToken"])
    assert [item["name"] for item in rest["executions"]] == ["a"]
    assert engine.client.list_executions(stateMachineArn=machine_arn("m"), statusFilter="FAILED")["executions"] == []


@pytest.mark.proves("API.StopExecution")
def test_stopping_ends_an_execution_with_error_and_cause(engine):
    arn = start(engine, WAIT)
    engine.client.stop_execution(executionArn=arn, error="E", cause="C")
    engine.worker.run(lambda: True)
    told = engine.client.describe_execution(executionArn=arn)
    assert (told["status"], told["error"], told["cause"]) == ("ABORTED", "E", "C")


def test_stopping_what_has_ended_changes_nothing(engine):
    arn = start(engine)
    engine.client.stop_execution(executionArn=arn)
    engine.worker.run(lambda: True)
    assert engine.client.describe_execution(executionArn=arn)["status"] == "SUCCEEDED"


@pytest.mark.proves("API.RedriveExecution")
def test_an_execution_that_was_stopped_is_redriven(engine):
    arn = start(engine, WAIT)
    engine.client.stop_execution(executionArn=arn)
    engine.worker.run(lambda: True)
    assert engine.client.describe_execution(executionArn=arn)["redriveStatus"] == "REDRIVABLE"
    engine.client.redrive_execution(executionArn=arn)
    engine.worker.run(lambda: True)
    told = engine.client.describe_execution(executionArn=arn)
    assert (told["status"], told["redriveCount"], "stopDate" in told) == ("RUNNING", 1, False)


def test_a_redrive_is_asked_for_once_by_its_token(engine):
    arn = start(engine, WAIT)
    engine.client.stop_execution(executionArn=arn)
    engine.worker.run(lambda: not engine.worker.owns(engine.row(arn).id))
    first = engine.client.redrive_execution(executionArn=arn, clientToken="t")
    assert engine.client.redrive_execution(executionArn=arn, clientToken="t") == first
    with pytest.raises(errors.ExecutionNotRedrivable):
        engine.client.redrive_execution(executionArn=arn, clientToken="u")


def test_metadata_alone_has_nothing_that_may_be_encrypted(engine):
    arn = start(engine, PASS, input='{"a": 1}')
    only = {"includedData": "METADATA_ONLY"}
    told = engine.client.describe_execution(executionArn=arn, **only)
    assert (told["status"], told["inputDetails"], told["outputDetails"]) == (
        "SUCCEEDED",
        {"included": False},
        {"included": False},
    )
    assert {"input", "output"} & told.keys() == set()
    assert engine.client.describe_state_machine(stateMachineArn=machine_arn("m"), **only)["definition"] == "{}"
    assert engine.client.describe_state_machine_for_execution(executionArn=arn, **only)["definition"] == "{}"


def test_what_is_asked_twice_is_done_once(engine):
    """AWS's idempotent actions: the second answer is the first, and nothing is made twice."""
    arn, client = make(engine), engine.client
    version = {"stateMachineVersionArn": f"{arn}:1", "weight": 100}
    for action, request in (
        ("create_state_machine", {"name": "m", "definition": PASS, "roleArn": "arn:aws:iam::1:role/other"}),
        ("publish_state_machine_version", {"stateMachineArn": arn}),
        ("create_state_machine_alias", {"name": "a", "routingConfiguration": [version]}),
        ("start_execution", {"stateMachineArn": make(engine, WAIT, "w"), "name": "e"}),
        ("tag_resource", {"resourceArn": arn, "tags": [{"key": "k", "value": "v"}]}),
        ("untag_resource", {"resourceArn": arn, "tagKeys": ["k"]}),
    ):
        assert getattr(client, action)(**request) == getattr(client, action)(**request)
    assert len(client.list_state_machines()["stateMachines"]) == 2
    assert len(client.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]) == 1
    assert len(client.list_executions(stateMachineArn=machine_arn("w"))["executions"]) == 1
    other = [version | {"stateMachineVersionArn": f"{arn}:2"}]
    client.update_state_machine(stateMachineArn=arn, definition=WAIT, publish=True)
    with pytest.raises(errors.ConflictException):
        client.create_state_machine_alias(name="a", routingConfiguration=other)
    for _ in range(2):
        client.delete_state_machine_version(stateMachineVersionArn=f"{arn}:2")
        client.delete_state_machine(stateMachineArn=machine_arn("w"))


def test_a_history_without_room_for_a_redrive_is_not_redriven(engine):
    loop = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "A"}}})
    arn = start(engine, loop)
    engine.worker.run(lambda: not engine.worker.owns(engine.row(arn).id))
    told = engine.client.describe_execution(executionArn=arn)
    reason = "Execution history event limit exceeded"
    assert (told["redriveStatus"], told["redriveStatusReason"]) == ("NOT_REDRIVABLE", reason)
    with pytest.raises(errors.ExecutionNotRedrivable, match=reason):
        engine.client.redrive_execution(executionArn=arn)
    assert engine.row(arn).status == "FAILED"


@pytest.mark.parametrize("definition", [PASS, WAIT])
def test_what_succeeded_or_runs_is_not_redriven(engine, definition):
    arn = start(engine, definition)
    with pytest.raises(errors.ExecutionNotRedrivable):
        engine.client.redrive_execution(executionArn=arn)


@pytest.mark.parametrize(
    ("action", "request_", "error"),
    [
        ("describe_execution", {"executionArn": "x"}, errors.InvalidArn),
        ("describe_execution", {"executionArn": machine_arn("m")}, errors.InvalidArn),
        ("describe_execution", {"executionArn": execution_arn(machine_arn("m"), "e")}, errors.ExecutionDoesNotExist),
        ("describe_state_machine", {"stateMachineArn": machine_arn("none")}, errors.StateMachineDoesNotExist),
        ("create_state_machine", {"name": "a b", "definition": PASS}, errors.InvalidName),
        ("create_state_machine", {"name": "x", "definition": "{}"}, errors.InvalidDefinition),
        ("create_state_machine", {"name": "x", "definition": "{"}, errors.InvalidDefinition),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_request_has_awss_name(engine, action, request_, error):
    with pytest.raises(error):
        getattr(engine.client, action)(**request_)


def test_an_input_that_is_no_json_is_refused(engine):
    make(engine)
    with pytest.raises(errors.InvalidExecutionInput, match="Invalid State Machine Execution Input: "):
        engine.client.start_execution(stateMachineArn=machine_arn("m"), input="not json")


def test_a_token_of_nobodys_is_refused(engine):
    with pytest.raises(errors.InvalidToken):
        engine.client.list_executions(nextToken="x")


def test_an_action_that_is_not_there_is_no_attribute(engine):
    with pytest.raises(AttributeError, match="no brew_coffee"):
        _ = engine.client.brew_coffee
