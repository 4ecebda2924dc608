"""`stepwell serve` as a process: it begins, it is killed, it goes on, it ends."""

import json
import os
import signal
import subprocess
import sys

import boto3
import pytest
from botocore.config import Config

from tests.api.served import COMMAND, PASS, ROLE, WAIT, end_of, machine
from tests.api.test_lambda import zipped
from tests.until import until

BEGIN_AND_DIE = """
import os, signal, sys
from pathlib import Path
from stepwell.cli.local import Engine

engine = Engine(Path(".stepwell"))
made = engine.client.create_state_machine(name="m", definition=sys.argv[1], roleArn="arn:aws:iam::123456789012:role/r")
engine.client.start_execution(stateMachineArn=made["stateMachineArn"], name="orphan")
if sys.argv[2] == "die":
    os.kill(os.getpid(), signal.SIGKILL)
print("ready", flush=True)
sys.stdin.read()
"""

PIPELINE = """
from stepwell import Pipeline

pipeline = Pipeline("etl")

@pipeline.task
def task_01():
    return {"n": 1}
"""


def make(client, definition=PASS, name="m"):
    return client.create_state_machine(name=name, definition=definition, roleArn=ROLE)["stateMachineArn"]


def begin_and_die(folder, definition):
    command = [sys.executable, "-c", BEGIN_AND_DIE, definition, "die"]
    assert subprocess.run(command, cwd=folder).returncode == -signal.SIGKILL


def orphan(client):
    [machine_] = client.list_state_machines()["stateMachines"]
    return f"{machine_['stateMachineArn'].replace(':stateMachine:', ':execution:')}:orphan"


def test_it_prints_what_points_clients_at_it(serve):
    served = serve()
    lines = [served.process.stdout.readline().strip() for _ in range(7)]
    variables = dict(word.split("=", 1) for line in lines if line.startswith("export ") for word in line.split()[1:])
    assert variables.pop("AWS_ENDPOINT_URL_SFN") == variables.pop("AWS_ENDPOINT_URL_LAMBDA") == served.url
    assert variables == {
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "AWS_ACCESS_KEY_ID": "stepwell",
        "AWS_SECRET_ACCESS_KEY": "stepwell",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_nothing_is_left_running(serve, number):
    served = serve()
    functions = served.client("lambda")
    functions.create_function(
        FunctionName="f", Runtime="python3.12", Role=ROLE, Handler="handler.handler",
        Code={"ZipFile": zipped("import os\n\ndef handler(event, context):\n    return os.getpid()\n")},
    )  # fmt: skip
    pid = json.loads(functions.invoke(FunctionName="f")["Payload"].read())
    assert served.end(number) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not list((served.folder / ".stepwell/owners").iterdir())


def test_after_a_kill_everything_goes_on_by_itself(serve):
    """Machines, functions and a wait whose time is over in the meantime."""
    served = serve()
    client = served.client()
    waiting = client.start_execution(stateMachineArn=make(client, machine(Type="Wait", Seconds=1, End=True), "wait"))
    ended = client.start_execution(stateMachineArn=make(client))["executionArn"]
    end_of(client, ended)
    functions = served.client("lambda")
    functions.create_function(
        FunctionName="f", Runtime="python3.12", Role=ROLE, Handler="handler.handler", Code={"ZipFile": zipped()}
    )
    assert served.end(signal.SIGKILL) == -signal.SIGKILL
    served.start()
    assert end_of(client, waiting["executionArn"])["status"] == "SUCCEEDED"
    assert end_of(client, ended)["status"] == "SUCCEEDED"
    assert json.loads(functions.invoke(FunctionName="f", Payload=b"1")["Payload"].read())["event"] == 1


def test_what_was_answered_is_on_disk(serve):
    """An answer may be lost with the server, what it said may not."""
    served = serve()
    client = served.client()
    arn = make(client, WAIT)
    started = [client.start_execution(stateMachineArn=arn)["executionArn"] for _ in range(20)]
    served.end(signal.SIGKILL)
    served.start()
    listed = client.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"]
    assert {item["executionArn"] for item in listed} == set(started)


def test_what_a_dead_process_began_is_taken_over_at_the_start(serve, tmp_path):
    begin_and_die(tmp_path, PASS)
    client = serve().client()
    assert end_of(client, orphan(client))["status"] == "SUCCEEDED"


def test_what_a_process_leaves_behind_is_taken_over_while_it_runs(serve, tmp_path):
    client = serve().client()
    begin_and_die(tmp_path, PASS)
    assert end_of(client, orphan(client))["status"] == "SUCCEEDED"


def test_what_a_living_process_runs_is_left_to_it(serve, tmp_path):
    command = [sys.executable, "-c", BEGIN_AND_DIE, PASS, "live"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as living:
        living.stdout.readline()
        client = serve().client()
        arn = make(client, PASS, "other")
        end_of(client, client.start_execution(stateMachineArn=arn)["executionArn"])
        theirs = "arn:aws:states:us-east-1:123456789012:execution:m:orphan"
        assert client.describe_execution(executionArn=theirs)["status"] == "RUNNING"
        living.kill()
    assert end_of(client, theirs)["status"] == "SUCCEEDED"


def test_a_port_that_is_taken_is_named(serve, tmp_path):
    served = serve()
    command = [COMMAND, "serve", "--port", str(served.port)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert f"port {served.port} of 127.0.0.1 cannot be used" in done.stderr
    assert "--port" in done.stderr


def test_a_port_that_there_cannot_be_is_no_traceback(tmp_path):
    done = subprocess.run([COMMAND, "serve", "--port", "99999"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "port 99999 of 127.0.0.1 cannot be used: it is not from 0 to 65535" in done.stderr


def test_the_pipeline_in_the_folder_is_a_function(serve, tmp_path):
    (tmp_path / "pipeline.py").write_text(PIPELINE)
    functions = serve().client("lambda")
    assert [item["FunctionName"] for item in functions.list_functions()["Functions"]] == ["etl"]
    answer = functions.invoke(FunctionName="etl", Payload=json.dumps({"action": "task_01"}))
    assert json.loads(answer["Payload"].read())["result"] == {"n": 1}


def told(served):
    return list(iter(served.process.stdout.readline, "Ctrl-C ends it.\n"))


def test_it_says_how_the_pipeline_of_its_folder_is_started(serve, tmp_path):
    (tmp_path / "pipeline.py").write_text(PIPELINE)
    served = serve()
    said = "".join(told(served))
    assert "  stepwell compile > machine.json\n  aws stepfunctions create-state-machine --name etl --role-arn" in said
    arn = make(served.client(), name="etl")
    served.end()
    assert f"  aws stepfunctions start-execution --state-machine-arn {arn}\n" in told(serve())


def test_a_pipeline_that_cannot_be_loaded_does_not_keep_the_rest_from_being_served(serve, tmp_path):
    (tmp_path / "pipeline.py").write_text("import nothing_of_that_name")
    assert serve().client().list_state_machines()["stateMachines"] == []


def test_plain_settings_of_the_environment_are_enough_for_boto3(serve, monkeypatch):
    """What `serve` prints: no endpoint in the code, and the host's prefix of StartSyncExecution is left away."""
    served = serve()
    monkeypatch.setenv("AWS_ENDPOINT_URL_SFN", served.url)
    monkeypatch.setenv("AWS_DISABLE_HOST_PREFIX_INJECTION", "true")
    keys = {"aws_access_key_id": "stepwell", "aws_secret_access_key": "stepwell", "region_name": "us-east-1"}
    client = boto3.client("stepfunctions", config=Config(retries={"total_max_attempts": 1}), **keys)
    arn = client.create_state_machine(name="x", definition=PASS, roleArn=ROLE, type="EXPRESS")["stateMachineArn"]
    assert client.start_sync_execution(stateMachineArn=arn)["status"] == "SUCCEEDED"


def test_many_clients_at_once_are_all_answered(serve):
    served = serve()
    arn = make(served.client())
    code = (
        "import sys, boto3; c = boto3.client('stepfunctions', endpoint_url=sys.argv[1], region_name='us-east-1', "
        "aws_access_key_id='x', aws_secret_access_key='y'); "
        "[c.start_execution(stateMachineArn=sys.argv[2]) for _ in range(25)]"
    )
    clients = [subprocess.Popen([sys.executable, "-c", code, served.url, arn]) for _ in range(4)]
    assert [client.wait() for client in clients] == [0] * 4
    client, done = served.client(), {"stateMachineArn": arn, "statusFilter": "SUCCEEDED"}
    until(lambda: len(client.list_executions(**done)["executions"]) == 100, "all hundred have succeeded")
