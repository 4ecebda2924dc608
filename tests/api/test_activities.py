"""Activities, and tasks that somebody else ends with a token: served to boto3, over kill -9."""

import json
import signal
import socket
import threading

import pytest
from botocore.exceptions import ClientError

from tests.api.served import ROLE, end_of, machine


@pytest.fixture
def activity(sfn, request):
    return sfn.create_activity(name=request.node.name[:80])["activityArn"]


def begin(client, definition, name, **more):
    arn = client.create_state_machine(name=name[:80], definition=definition, roleArn=ROLE)["stateMachineArn"]
    return client.start_execution(stateMachineArn=arn, **more)["executionArn"]


def run(client, activity, **fields):
    """An execution that waits for a worker of the activity."""
    task = machine(Type="Task", Resource=activity, End=True, **fields)
    return begin(client, task, activity.rpartition(":")[2], input='{"n": 1}')


def history(client, arn):
    return client.get_execution_history(executionArn=arn)["events"]


def types(client, arn):
    return [event["type"] for event in history(client, arn)]


def refused(call, **parameters):
    with pytest.raises(ClientError) as error:
        call(**parameters)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


@pytest.mark.proves("API.CreateActivity API.DescribeActivity API.ListActivities API.DeleteActivity API.TagResource")
def test_an_activity_is_made_once_described_listed_tagged_and_removed(sfn):
    made = sfn.create_activity(name="lifecycle", tags=[{"key": "team", "value": "etl"}])
    assert sfn.create_activity(name="lifecycle")["creationDate"] == made["creationDate"]
    arn = made["activityArn"]
    assert sfn.describe_activity(activityArn=arn)["name"] == "lifecycle"
    assert sfn.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "team", "value": "etl"}]
    pages = sfn.get_paginator("list_activities").paginate(PaginationConfig={"PageSize": 1})
    assert "lifecycle" in [each["name"] for page in pages for each in page["activities"]]
    sfn.delete_activity(activityArn=arn)
    assert refused(sfn.describe_activity, activityArn=arn) == (
        "ActivityDoesNotExist",
        f"Activity Does Not Exist: '{arn}'",
    )


@pytest.mark.proves("Resource.activity API.GetActivityTask API.SendTaskSuccess")
def test_a_worker_asks_for_a_task_and_ends_it_with_its_token(sfn, activity, ended):
    arn = run(sfn, activity)
    task = sfn.get_activity_task(activityArn=activity, workerName="w1")
    assert json.loads(task["input"]) == {"n": 1}
    sfn.send_task_success(taskToken=task["taskToken"], output='{"done": true}')
    assert ended(arn)["output"] == '{"done": true}'
    assert types(sfn, arn)[2:5] == ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]
    assert history(sfn, arn)[3]["activityStartedEventDetails"] == {"workerName": "w1"}


def test_each_task_goes_to_one_worker_the_oldest_first(sfn, activity):
    arn = run(sfn, activity)
    sfn.start_execution(stateMachineArn=end_machine(arn), input="2")
    first, second = (sfn.get_activity_task(activityArn=activity)["input"] for _ in range(2))
    assert (json.loads(first), json.loads(second)) == ({"n": 1}, 2)


def end_machine(execution):
    return execution.replace(":execution:", ":stateMachine:").rpartition(":")[0]


def test_a_worker_that_asks_first_gets_the_task_once_there_is_one(sfn, served, activity):
    """GetActivityTask is a long poll: up to a minute."""
    got = []
    waiting = threading.Thread(target=lambda: got.append(served.client().get_activity_task(activityArn=activity)))
    waiting.start()
    run(sfn, activity)
    waiting.join(60)
    assert json.loads(got[0]["input"]) == {"n": 1}


@pytest.mark.proves("API.SendTaskFailure")
def test_a_worker_can_fail_a_task_with_or_without_a_reason(sfn, activity, ended):
    arn = run(sfn, activity)
    sfn.send_task_failure(
        taskToken=sfn.get_activity_task(activityArn=activity)["taskToken"], error="Sorry", cause="no coffee"
    )
    assert (ended(arn)["error"], ended(arn)["cause"]) == ("Sorry", "no coffee")
    arn = sfn.start_execution(stateMachineArn=end_machine(arn))["executionArn"]
    sfn.send_task_failure(taskToken=sfn.get_activity_task(activityArn=activity)["taskToken"])
    assert {"error", "cause"} & ended(arn).keys() == set()


@pytest.mark.proves("Task.HeartbeatSeconds API.SendTaskHeartbeat States.HeartbeatTimeout")
def test_a_task_times_out_a_heartbeat_after_the_last_one(sfn, activity, ended):
    """It counts from the moment when a worker takes it; AWS calls it States.Timeout in the history."""
    caught = {"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "Late"}
    definition = {
        "StartAt": "S",
        "States": {
            "S": {"Type": "Task", "Resource": activity, "HeartbeatSeconds": 1, "Catch": [caught], "End": True},
            "Late": {"Type": "Pass", "Result": "late", "End": True},
        },
    }
    arn = begin(sfn, json.dumps(definition), "heartbeat")
    token = sfn.get_activity_task(activityArn=activity)["taskToken"]
    sfn.send_task_heartbeat(taskToken=token)
    assert ended(arn)["output"] == '"late"'
    events = history(sfn, arn)
    assert events[4]["activityTimedOutEventDetails"] == {"error": "States.Timeout"}
    assert (events[4]["timestamp"] - events[3]["timestamp"]).total_seconds() >= 1
    assert refused(sfn.send_task_heartbeat, taskToken=token)[0] == "TaskTimedOut"


def test_what_is_no_token_or_no_output_is_refused_and_so_is_a_second_answer(sfn, activity, ended):
    arn = run(sfn, activity)
    token = sfn.get_activity_task(activityArn=activity)["taskToken"]
    invalid = ("InvalidToken", "Invalid Token: 'Invalid token'")
    for wrong in ("nonsense", token[:-8] + token[-4:], "W10=", "bnVsbA=="):
        assert refused(sfn.send_task_success, taskToken=wrong, output="{}") == invalid
    assert refused(sfn.send_task_success, taskToken=token, output="{")[0] == "InvalidOutput"
    assert refused(sfn.send_task_success, taskToken=token, output="NaN")[0] == "InvalidOutput"
    sfn.send_task_success(taskToken=token, output="{}")
    gone = ("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
    assert refused(sfn.send_task_success, taskToken=token, output="{}") == gone
    assert ended(arn)["status"] == "SUCCEEDED"


def test_a_task_that_nobody_waits_for_any_more_is_given_to_nobody(sfn, activity, ended):
    stopped = run(sfn, activity)
    sfn.stop_execution(executionArn=stopped)
    ended(stopped)
    sfn.start_execution(stateMachineArn=end_machine(stopped), input='"newer"')
    assert sfn.get_activity_task(activityArn=activity)["input"] == '"newer"'


def test_tasks_and_tokens_outlive_a_kill_of_the_server(serve):
    """One task is taken before the kill and ended after it, another waits for its worker all the while."""
    served = serve()
    sfn = served.client()
    activity = sfn.create_activity(name="a")["activityArn"]
    taken = run(sfn, activity, HeartbeatSeconds=30)
    token = sfn.get_activity_task(activityArn=activity)["taskToken"]
    waiting = sfn.start_execution(stateMachineArn=end_machine(taken), input='"second"')["executionArn"]
    served.end(signal.SIGKILL)
    served.start()
    sfn.send_task_success(taskToken=token, output='"kept"')
    second = sfn.get_activity_task(activityArn=activity)
    sfn.send_task_success(taskToken=second["taskToken"], output=second["input"])
    assert [end_of(sfn, arn)["output"] for arn in (taken, waiting)] == ['"kept"', '"second"']
    assert [types(sfn, arn).count("ActivityStarted") for arn in (taken, waiting)] == [1, 1]


def test_a_task_is_not_given_to_a_worker_that_has_gone(sfn, served, activity):
    """A worker that was killed while it waited for a task must not swallow the next one."""
    body = json.dumps({"activityArn": activity}).encode()
    lines = ["POST / HTTP/1.1", "Host: 127.0.0.1", "X-Amz-Target: AWSStepFunctions.GetActivityTask"]
    lines += ["Content-Type: application/x-amz-json-1.0", f"Content-Length: {len(body)}", "", ""]
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        connection.sendall("\r\n".join(lines).encode() + body)
    run(sfn, activity)
    assert json.loads(sfn.get_activity_task(activityArn=activity)["input"]) == {"n": 1}
