"""Lambda functions made through the API: their code runs in processes of its own."""

import io
import json
import os
import zipfile
from base64 import b64decode

import pytest

from tests.api.served import ROLE, machine
from tests.api.test_boto3 import refused
from tests.until import until

SOURCE = """
import os

def handler(event, context):
    print("hello from the log")
    if event == "fail":
        raise KeyError("no")
    return {"event": event, "v": os.environ.get("V"), "mb": context.memory_limit_in_mb, "as": context.function_version}
"""


def zipped(source=SOURCE, name="handler.py"):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(name, source)
    return data.getvalue()


@pytest.fixture
def functions(served):
    return served.client("lambda")


@pytest.fixture
def make(functions, request):
    """`make()` makes a function of the test's own name; its name."""

    def create(code=None, **options):
        name = request.node.name[:60]
        given = {"Runtime": "python3.12", "Role": ROLE, "Handler": "handler.handler", **options}
        functions.create_function(FunctionName=name, Code={"ZipFile": code or zipped()}, **given)
        return name

    return create


def invoke(functions, name, event=None, **options):
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(event), **options)
    return answer, json.loads(answer["Payload"].read())


@pytest.mark.proves("Lambda.CreateFunction Lambda.Invoke")
def test_a_function_runs_with_its_environment_and_memory_size(functions, make):
    name = make(Environment={"Variables": {"V": "7"}}, MemorySize=256)
    functions.get_waiter("function_active_v2").wait(FunctionName=name)
    answer, result = invoke(functions, name, {"a": 1}, LogType="Tail")
    assert result == {"event": {"a": 1}, "v": "7", "mb": "256", "as": "$LATEST"}
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")


def test_the_end_of_a_log_is_told_however_long_it_is(served, functions, make):
    """The file has a hole that no memory could hold."""
    name = make()
    invoke(functions, name)
    (log,) = (served.folder / ".stepwell" / "logs" / name).rglob("*.log")
    os.truncate(log, 1 << 42)
    answer, _ = invoke(functions, name, LogType="Tail")
    start, said, end, report = b64decode(answer["LogResult"]).decode().splitlines()
    assert (start[:5], said, end[:3], report[:6]) == ("START", "hello from the log", "END", "REPORT")


def test_an_exception_is_reported_as_lambda_reports_it(functions, make):
    answer, blame = invoke(functions, make(), "fail")
    assert answer["FunctionError"] == "Unhandled"
    assert (blame["errorType"], blame["errorMessage"]) == ("KeyError", "'no'")
    assert '"/var/task/handler.py"' in blame["stackTrace"][0]


def test_a_timeout_ends_the_invocation(functions, make):
    name = make(zipped("import time\n\ndef handler(event, context):\n    time.sleep(30)\n"), Timeout=1)
    _, blame = invoke(functions, name)
    assert blame["errorMessage"].endswith("Task timed out after 1.00 seconds")


@pytest.mark.proves("Resource.function")
def test_a_task_invokes_a_function_by_its_arn(functions, sfn, make, ended):
    arn = functions.get_function(FunctionName=make())["Configuration"]["FunctionArn"]
    definition = machine(Type="Task", Resource=arn, End=True)
    made = sfn.create_state_machine(name="calls", definition=definition, roleArn=ROLE)["stateMachineArn"]
    told = ended(sfn.start_execution(stateMachineArn=made, input="[1]")["executionArn"])
    assert json.loads(told["output"])["event"] == [1]


@pytest.mark.proves("Resource.lambda:invoke")
def test_a_task_invokes_a_function_by_its_name_and_gets_awss_metadata(functions, sfn, make, ended):
    parameters = {"FunctionName": make(), "Payload": {"a": 1}}
    definition = machine(Type="Task", Resource="arn:aws:states:::lambda:invoke", Parameters=parameters, End=True)
    made = sfn.create_state_machine(name="invokes", definition=definition, roleArn=ROLE)["stateMachineArn"]
    output = json.loads(ended(sfn.start_execution(stateMachineArn=made)["executionArn"])["output"])
    assert (output["Payload"]["event"], output["StatusCode"], output["ExecutedVersion"]) == ({"a": 1}, 200, "$LATEST")
    assert output["SdkHttpMetadata"]["HttpHeaders"]["x-amzn-RequestId"] == output["SdkResponseMetadata"]["RequestId"]


def test_a_task_that_names_no_function_fails_in_awss_words(sfn, ended):
    definition = machine(
        Type="Task", Resource="arn:aws:states:::lambda:invoke", Parameters={"FunctionName": "none"}, End=True
    )
    made = sfn.create_state_machine(name="invokes-none", definition=definition, roleArn=ROLE)["stateMachineArn"]
    told = ended(sfn.start_execution(stateMachineArn=made)["executionArn"])
    assert told["error"] == "Lambda.ResourceNotFoundException"
    assert "(Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException;" in told["cause"]


@pytest.mark.proves("Lambda.UpdateFunctionCode Lambda.UpdateFunctionConfiguration Lambda.GetFunctionConfiguration")
def test_new_code_and_new_settings_are_used_by_the_next_invocation(functions, make):
    name = make()
    invoke(functions, name)
    functions.update_function_code(FunctionName=name, ZipFile=zipped("def handler(e, c):\n    return 'new'\n"))
    assert invoke(functions, name)[1] == "new"
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": {"V": "x"}}, Timeout=9)
    told = functions.get_function_configuration(FunctionName=name)
    assert (told["Timeout"], told["Environment"]) == (9, {"Variables": {"V": "x"}})


@pytest.mark.proves("Lambda.PublishVersion Lambda.ListVersionsByFunction")
def test_a_published_version_stays_as_it_was(functions, make):
    name = make()
    first = functions.publish_version(FunctionName=name)
    assert first["Version"] == functions.publish_version(FunctionName=name)["Version"] == "1"
    functions.update_function_code(FunctionName=name, ZipFile=zipped("def handler(e, c):\n    return 'new'\n"))
    assert invoke(functions, name, 1, Qualifier="1")[1]["as"] == "1"
    assert functions.publish_version(FunctionName=name)["Version"] == "2"
    listed = functions.list_versions_by_function(FunctionName=name)["Versions"]
    assert [item["Version"] for item in listed] == ["$LATEST", "1", "2"]


@pytest.mark.proves("Lambda.DeleteFunction Lambda.GetFunction Lambda.ListFunctions")
def test_a_deleted_function_is_unknown(functions, make):
    name = make()
    assert name in {item["FunctionName"] for item in functions.list_functions()["Functions"]}
    functions.delete_function(FunctionName=name)
    code, text = refused(functions.get_function, FunctionName=name)
    assert code == "ResourceNotFoundException"
    assert text == f"Function not found: arn:aws:lambda:us-east-1:123456789012:function:{name}"
    assert refused(functions.invoke, FunctionName=name)[0] == "ResourceNotFoundException"


def test_a_name_is_used_once_and_a_runtime_must_be_python(functions, make):
    name = make()
    given = {"FunctionName": name, "Role": ROLE, "Handler": "h.h", "Code": {"ZipFile": zipped()}}
    assert refused(functions.create_function, Runtime="python3.12", **given)[0] == "ResourceConflictException"
    given["FunctionName"] = "other"
    assert refused(functions.create_function, Runtime="nodejs22.x", **given)[0] == "InvalidParameterValueException"


def test_what_is_no_zip_is_refused_and_no_file_leaves_the_folder(functions, make, served):
    given = {"FunctionName": "bad", "Runtime": "python3.12", "Role": ROLE, "Handler": "h.h"}
    told = refused(functions.create_function, Code={"ZipFile": b"no zip"}, **given)
    assert told[0] == "InvalidParameterValueException"
    make(zipped(name="../../../escaped.py"))
    assert not list(served.folder.rglob("escaped.py")) or all(
        "functions" in path.parts for path in served.folder.rglob("escaped.py")
    )


def test_an_event_is_taken_and_run_without_waiting(functions, make, served):
    name = make(zipped("def handler(event, context):\n    open(event, 'w').close()\n"))
    target = served.folder / "touched"
    answer = functions.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(str(target)))
    assert answer["StatusCode"] == 202
    until(target.exists, "the function has run", pause=0.01)


def test_a_payload_that_is_no_json_is_refused(functions, make):
    assert refused(functions.invoke, FunctionName=make(), Payload=b"{")[0] == "InvalidRequestContentException"


def test_a_dry_run_of_a_task_looks_for_the_function_and_runs_nothing(functions, make, sfn, ended):
    arn = functions.get_function(FunctionName=make(zipped("def handler(event, context):\n    return {}['no']\n")))
    asked = {"FunctionName": f"{arn['Configuration']['FunctionArn']}:$LATEST", "InvocationType": "DryRun"}
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
    for parameters, status in ((asked, "SUCCEEDED"), (asked | {"FunctionName": "none-such"}, "FAILED")):
        definition = machine(**task, Parameters=parameters)
        made = sfn.create_state_machine(name=f"dry-{status}", definition=definition, roleArn=ROLE)["stateMachineArn"]
        told = ended(sfn.start_execution(stateMachineArn=made)["executionArn"])
        assert told["status"] == status
    assert told["error"] == "Lambda.ResourceNotFoundException"


def test_a_function_may_be_named_with_its_latest_version(functions, make, sfn, ended):
    arn = functions.get_function(FunctionName=make())["Configuration"]["FunctionArn"]
    definition = machine(Type="Task", Resource=f"{arn}:$LATEST", End=True)
    made = sfn.create_state_machine(name="latest", definition=definition, roleArn=ROLE)["stateMachineArn"]
    told = ended(sfn.start_execution(stateMachineArn=made, input="[1]")["executionArn"])
    assert json.loads(told["output"])["event"] == [1]


def test_a_version_that_there_is_not_is_not_found(functions, make):
    name = make()
    for qualifier in ("0", "7", "99999999999999999999"):
        for call in (functions.get_function, functions.invoke):
            assert refused(call, FunctionName=name, Qualifier=qualifier)[0] == "ResourceNotFoundException"


def test_a_marker_is_the_number_of_a_version(functions, make):
    name = make()
    told = refused(functions.list_versions_by_function, FunctionName=name, Marker="x")
    assert told[0] == "InvalidParameterValueException"
    assert functions.list_versions_by_function(FunctionName=name, Marker="99999999999999999999")["Versions"] == []
