"""Executions that start others: `.sync` waits for the child over kill -9, a stopped parent stops it."""

import json
import signal

import pytest

from tests.api.served import ROLE, end_of, machine
from tests.api.test_lambda import zipped
from tests.until import until

START = "arn:aws:states:::states:startExecution"


def make(client, name, **state):
    return client.create_state_machine(name=name, definition=machine(**state), roleArn=ROLE)["stateMachineArn"]


def parent(client, name, pattern, child, input_=None, **state):
    """An execution whose only state starts the child."""
    parameters = {"StateMachineArn": child, "Input": input_}
    arn = make(client, name, Type="Task", Resource=START + pattern, Parameters=parameters, End=True, **state)
    return client.start_execution(stateMachineArn=arn)["executionArn"]


def children(client, arn):
    return [each["executionArn"] for each in client.list_executions(stateMachineArn=arn)["executions"]]


def types(client, arn):
    return [event["type"] for event in client.get_execution_history(executionArn=arn)["events"]]


@pytest.mark.proves("Resource.startExecution")
def test_a_request_is_over_once_the_child_has_started(sfn, ended):
    child = make(sfn, "asked", Type="Wait", Seconds=3600, End=True)
    output = json.loads(ended(parent(sfn, "asking", "", child, {"a": 1}))["output"])
    [arn] = children(sfn, child)
    assert (output["ExecutionArn"], output["SdkHttpMetadata"]["HttpStatusCode"]) == (arn, 200)
    assert json.loads(sfn.describe_execution(executionArn=arn)["input"]) == {"a": 1}


@pytest.mark.parametrize(
    ("resource", "parameters", "told"),
    [
        (START, {"StateMachineArn": "a", "Arn": "b"}, 'The field "Arn" is not supported by Step Functions'),
        (START, {"Input": 1}, "The field 'StateMachineArn' is required but was missing"),
        (
            "arn:aws:states:::aws-sdk:sfn:stopExecution",
            {"executionArn": "a"},
            'The field "executionArn" is not supported by Step Functions',
        ),
        ("arn:aws:states:::lambda:invoke", {"Payload": 1}, "The field 'FunctionName' is required but was missing"),
        (
            "arn:aws:states:::lambda:invoke.waitForTaskToken",
            {"FunctionName": "f", "TaskToken": "t"},
            'The field "TaskToken" is not supported by Step Functions',
        ),
    ],
)
def test_a_call_that_could_not_be_made_is_not_announced(sfn, ended, resource, parameters, told):
    state = {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True}
    arn = make(sfn, f"unheard-{len(told)}-{len(resource)}", **state)
    execution = sfn.start_execution(stateMachineArn=arn)["executionArn"]
    end = ended(execution)
    text = json.dumps(parameters, separators=(",", ":"))
    assert (end["error"], end["cause"]) == (
        "States.Runtime",
        "An error occurred while executing the state 'S' (entered at the event id #2). "
        f"The Parameters '{text}' could not be used to start the Task: [{told}]",
    )
    assert types(sfn, execution) == ["ExecutionStarted", "TaskStateEntered", "ExecutionFailed"]


def test_what_is_missing_the_service_of_an_sdk_integration_tells_itself(sfn, ended):
    arn = make(sfn, "unnamed", Type="Task", Resource="arn:aws:states:::aws-sdk:sfn:stopExecution", End=True)
    told = ended(sfn.start_execution(stateMachineArn=arn)["executionArn"])
    assert told["error"] == "Sfn.ValidationException"
    assert "Value null at 'executionArn' failed to satisfy constraint" in told["cause"]


def test_a_state_by_itself_makes_no_such_call_either(sfn):
    state = {"Type": "Task", "Resource": START, "Parameters": {"Input": 1}, "End": True}
    tried = sfn.test_state(definition=json.dumps(state), roleArn=ROLE)
    told = "The Parameters '{\"Input\":1}' could not be used to start the Task: "
    assert (tried["error"], told in tried["cause"]) == ("States.Runtime", True)
    assert tried["cause"].startswith("An error occurred while executing the state 'StateName' ")


def test_the_answer_of_an_optimised_integration_tells_of_its_request(sfn, ended):
    child = make(sfn, "headed", Type="Pass", End=True)
    output = json.loads(ended(parent(sfn, "heading", "", child))["output"])
    headers = output["SdkHttpMetadata"]["HttpHeaders"]
    assert headers.keys() == {"connection", "Content-Length", "Content-Type", "Date", "x-amzn-RequestId"}
    assert output["SdkHttpMetadata"]["AllHttpHeaders"] == {name: [value] for name, value in headers.items()}
    assert output["SdkResponseMetadata"] == {"RequestId": headers["x-amzn-RequestId"]}


@pytest.mark.proves("Resource.sync")
def test_sync_hands_on_the_childs_end_as_text_and_sync_2_as_json(sfn, ended):
    child = make(sfn, "answering", Type="Pass", Result={"b": 2}, End=True)
    as_text = json.loads(ended(parent(sfn, "as-text", ".sync", child))["output"])
    as_json = json.loads(ended(parent(sfn, "as-json", ".sync:2", child))["output"])
    assert (as_text["Output"], as_json["Output"], as_json["Input"]) == ('{"b":2}', {"b": 2}, {})
    assert as_text.keys() == as_json.keys()
    assert as_text["Status"] == "SUCCEEDED"


def test_the_failure_of_a_child_is_the_cause_of_the_parents(sfn, ended):
    child = make(sfn, "failing", Type="Fail", Error="Sorry", Cause="no coffee")
    arn = parent(sfn, "failed-by-child", ".sync", child)
    told = ended(arn)
    assert told["error"] == "States.TaskFailed"
    cause = json.loads(told["cause"])
    assert (cause["Status"], cause["Error"], cause["Cause"]) == ("FAILED", "Sorry", "no coffee")
    assert types(sfn, arn)[3:6] == ["TaskStarted", "TaskSubmitted", "TaskFailed"]


def test_a_machine_that_is_not_there_is_told_in_the_words_of_each_family(sfn, ended):
    missing = "arn:aws:states:us-east-1:123456789012:stateMachine:none"
    told = ended(parent(sfn, "asks-for-none", "", missing))
    assert told["error"] == "StepFunctions.StateMachineDoesNotExistException"
    words = "(Service: AWSStepFunctions; Status Code: 400; Error Code: StateMachineDoesNotExist; Request ID: "
    assert told["cause"].startswith(f"State Machine Does Not Exist: '{missing}' {words}")
    sdk = "arn:aws:states:::aws-sdk:sfn:startExecution"
    arn = make(sfn, "sdk-asks", Type="Task", Resource=sdk, Parameters={"StateMachineArn": missing}, End=True)
    told = ended(sfn.start_execution(stateMachineArn=arn)["executionArn"])
    assert told["error"] == "Sfn.StateMachineDoesNotExistException"
    assert "(Service: Sfn, Status Code: 400, Request ID: " in told["cause"]


def test_stopping_a_parent_or_its_time_being_over_stops_the_child(sfn, ended):
    child = make(sfn, "stopped-with-it", Type="Wait", Seconds=3600, End=True)
    arn = parent(sfn, "stopped", ".sync", child)
    until(lambda: "TaskSubmitted" in types(sfn, arn), "the child has started")
    sfn.stop_execution(executionArn=arn)
    assert [ended(each)["status"] for each in (arn, *children(sfn, child))] == ["ABORTED", "ABORTED"]
    child = make(sfn, "outlived", Type="Wait", Seconds=3600, End=True)
    assert ended(parent(sfn, "impatient", ".sync", child, TimeoutSeconds=1))["error"] == "States.Timeout"
    assert ended(*children(sfn, child))["status"] == "ABORTED"


def test_a_parent_finds_its_child_again_after_a_kill(serve):
    """The child's name is derived from the parent's event: starting it again finds the one that there is."""
    served = serve()
    sfn = served.client()
    child = make(sfn, "slow", Type="Wait", Seconds=2, End=True)
    arn = parent(sfn, "waiting", ".sync", child)
    until(lambda: children(sfn, child), "the child has started")
    served.end(signal.SIGKILL)
    served.start()
    assert end_of(sfn, arn)["status"] == "SUCCEEDED"
    assert len(children(sfn, child)) == 1
    assert types(sfn, arn).count("TaskSubmitted") == 1


@pytest.mark.proves("Resource.waitForTaskToken Task.Token Resource.aws-sdk")
def test_a_child_may_end_its_parents_task_with_the_token_that_it_was_given(sfn, ended):
    """The answer may come before the call that handed out the token has returned: Submitted still stands before it."""
    send = "arn:aws:states:::aws-sdk:sfn:sendTaskSuccess"
    told = {"TaskToken.$": "$.token", "Output": {"from": "child"}}
    child = make(sfn, "callee", Type="Task", Resource=send, Parameters=told, End=True)
    parameters = {"StateMachineArn": child, "Input": {"token.$": "$$.Task.Token"}}
    arn = make(sfn, "caller", Type="Task", Resource=f"{START}.waitForTaskToken", Parameters=parameters, End=True)
    arn = sfn.start_execution(stateMachineArn=arn)["executionArn"]
    assert ended(arn)["output"] == '{"from":"child"}'
    assert types(sfn, arn)[2:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]
    assert ended(*children(sfn, child))["output"] == "{}"


def test_lambda_is_this_machines_own_also_as_a_service(sfn, served, ended):
    code = zipped("def handler(event, context):\n    return [event]\n", "app.py")
    role = {"Role": ROLE, "Runtime": "python3.11", "Handler": "app.handler"}
    served.client("lambda").create_function(FunctionName="asked", Code={"ZipFile": code}, **role)
    arn = make(
        sfn,
        "asks-lambda",
        Type="Task",
        Resource="arn:aws:states:::aws-sdk:lambda:invoke",
        Parameters={"FunctionName": "asked", "Payload": {"a": 1}},
        End=True,
    )
    told = json.loads(ended(sfn.start_execution(stateMachineArn=arn)["executionArn"])["output"])
    assert told == {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": '[{"a": 1}]'}
