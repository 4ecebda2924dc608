"""What a Task's resource does, against a fake AWS: both families of names, jobs that are waited for, refusals."""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stepwell.cli.local import Engine
from stepwell.resources.casing import answer, iso, java, request
from stepwell.resources.function import Function, FunctionProcess
from stepwell.resources.functions import Functions
from stepwell.resources.hands import Hands, Step, Work
from stepwell.resources.jobs import job, jobs
from stepwell.resources.services import Services, service_model

EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:m:e"
Run = Callable[..., list[Step]]
JOB = {"JobName": "j", "JobQueue": "q", "JobDefinition": "d"}


@pytest.fixture
def hands(aws: str, tmp_path: Path) -> Iterator[Hands]:
    functions = Functions(tmp_path / "logs")
    yield Hands(functions, Services())
    functions.close()


@pytest.fixture
def run(hands: Hands) -> Run:
    def run(resource: str, parameters: Any, **more: Any) -> list[Step]:
        work = Work(EXECUTION, f"arn:aws:states:::{resource}", json.dumps(parameters), str(uuid.uuid4()), **more)
        return list(hands.perform(work))

    return run


def said(steps: list[Step]) -> Any:
    """The answer of a call that has ended well."""
    assert (steps[-1].kind, steps[-1].error) == ("ended", None), steps[-1]
    return json.loads(steps[-1].text or "null")


@pytest.fixture
def table(run: Run) -> str:
    name = f"t-{uuid.uuid4().hex[:8]}"
    key = {"AttributeName": "id", "KeyType": "HASH"}
    kind = {"AttributeName": "id", "AttributeType": "S"}
    made = {"TableName": name, "KeySchema": [key], "AttributeDefinitions": [kind], "BillingMode": "PAY_PER_REQUEST"}
    said(run("aws-sdk:dynamodb:createTable", made))
    return name


def test_the_sdk_family_names_fields_as_java_does_the_optimised_one_as_the_api_does(run: Run, table: str) -> None:
    item = {"id": {"S": "1"}, "on": {"Bool": True}, "many": {"Ss": ["a"]}, "none": {"Nul": True}}
    assert said(run("aws-sdk:dynamodb:putItem", {"TableName": table, "Item": item})) == {}
    wanted = {"TableName": table, "Key": {"id": {"S": "1"}}}
    assert said(run("aws-sdk:dynamodb:getItem", wanted)) == {"Item": item}
    answer = said(run("dynamodb:getItem", wanted))
    assert answer["Item"]["on"] == {"BOOL": True}
    assert answer["Item"]["many"] == {"SS": ["a"]}
    assert (answer["SdkHttpMetadata"]["HttpStatusCode"], answer["SdkResponseMetadata"].keys()) == (200, {"RequestId"})


def test_a_refusal_has_the_name_and_the_words_of_its_family(run: Run) -> None:
    wanted = {"TableName": "none-such", "Key": {"id": {"S": "1"}}}
    sdk, optimised = run("aws-sdk:dynamodb:getItem", wanted)[-1], run("dynamodb:getItem", wanted)[-1]
    assert (sdk.error, optimised.error) == ("DynamoDb.ResourceNotFoundException", "DynamoDB.ResourceNotFoundException")
    assert sdk.cause
    assert "(Service: DynamoDb, Status Code: 400, Request ID: " in sdk.cause
    assert optimised.cause
    words = "(Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ResourceNotFoundException; Request ID: "
    assert words in optimised.cause
    assert optimised.cause.endswith("; Proxy: null)")


def test_a_refusal_that_the_action_does_not_list_is_called_after_the_service(run: Run, table: str) -> None:
    assert run("aws-sdk:s3:headObject", {"Bucket": "none-such-bucket", "Key": "k"})[-1].error == "S3.S3Exception"
    wrong = {"TableName": table, "Key": {"id": {"S": "1"}}, "UpdateExpression": "SET no", "ReturnValues": "NONE"}
    optimised = run("dynamodb:updateItem", wrong)[-1]
    assert (optimised.error, run("aws-sdk:dynamodb:updateItem", wrong)[-1].error) == (
        "DynamoDB.AmazonDynamoDBException",
        "DynamoDb.DynamoDbException",
    )
    assert "(Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ValidationException;" in (optimised.cause or "")


def test_a_field_or_an_action_that_there_is_not_fails_before_anybody_is_asked(run: Run) -> None:
    field = run("sqs:sendMessage", {"QueueUrl": "u", "Body": "b"})[-1]
    assert (field.error, "Body" in (field.cause or "")) == ("States.Runtime", True)
    assert run("aws-sdk:sqs:sendNothing", {})[-1].error == "States.Runtime"
    assert run("aws-sdk:nosuch:sendNothing", {})[-1].error == "States.Runtime"
    missing = run("sqs:sendMessage", {"MessageBody": "b"})[-1]
    assert (missing.error, "QueueUrl" in (missing.cause or "")) == ("States.Runtime", True)


@pytest.mark.parametrize(
    "resource", ["http:invoke", "apigateway:invoke", "eks:runJob.sync", "elasticmapreduce:addStep"]
)
def test_what_is_not_played_here_says_so(run: Run, resource: str) -> None:
    step = run(resource, {})[-1]
    assert (step.error, "docs/tasks.md" in (step.cause or "")) == ("States.Runtime", True)


def test_a_job_of_a_kind_that_is_not_waited_for_says_so_before_it_begins(run: Run) -> None:
    [step] = run("codebuild:startBuildBatch.sync", {"ProjectName": "p"})
    assert (step.error, ".sync" in (step.cause or "")) == ("States.Runtime", True)


def test_a_token_against_repetition_need_not_be_given(hands: Hands) -> None:
    needed = {"applicationId": "a", "executionRoleArn": "r"}
    given = {name[:1].upper() + name[1:]: value for name, value in needed.items()}
    assert hands.refusal("arn:aws:states:::emr-serverless:startJobRun", given) is None
    assert "ApplicationId" in (hands.refusal("arn:aws:states:::emr-serverless:startJobRun", {}) or "")


@pytest.mark.parametrize(
    "resource", ["events:putEvents", "lambda:invoke", "states:startExecution", "aws-sdk:sqs:sendMessage"]
)
@pytest.mark.parametrize("arguments", [1, "text", [], None])
def test_a_service_is_asked_with_an_object(hands: Hands, resource: str, arguments: Any) -> None:
    told = (
        f"The Parameters '{json.dumps(arguments)}' could not be used to start the Task: [The value must be an object]"
    )
    assert hands.refusal(f"arn:aws:states:::{resource}", arguments) == told


def test_a_field_that_takes_any_json_is_handed_on_as_it_is() -> None:
    operation = service_model("bedrockruntime").operation_model("Converse")
    told = {"top_k": 5, "Nested": [None, {"a": 1}]}
    wanted = {"ModelId": "m", "AdditionalModelRequestFields": told}
    asked = request(operation.input_shape, wanted, java)
    assert asked == {"modelId": "m", "additionalModelRequestFields": told}
    shown = answer(operation.output_shape, {"additionalModelResponseFields": told}, java, iso)
    assert shown == {"AdditionalModelResponseFields": told}


def test_names_that_are_the_users_stay_as_they_are_without_a_model() -> None:
    told = {"variableReferences": {"first": ["a"]}, "tags": [{"key": "k"}], "environment": {"Variables": {"x": "1"}}}
    assert answer(None, told, java, iso) == {
        "VariableReferences": {"first": ["a"]},
        "Tags": [{"Key": "k"}],
        "Environment": {"Variables": {"x": "1"}},
    }


def test_a_function_that_there_is_not_is_told_by_its_arn_however_it_was_named(run: Run) -> None:
    arn = "arn:aws:lambda:us-east-1:123456789012:function:nope"
    for name in ("nope", "123456789012:function:nope", arn):
        step = run("lambda:invoke", {"FunctionName": name})[-1]
        assert step.error == "Lambda.ResourceNotFoundException"
        assert (step.cause or "").startswith(f"Function not found: {arn} (Service: AWSLambda; Status Code: 404;")


@pytest.mark.parametrize(
    ("resource", "arguments", "field"),
    [
        ("dynamodb:putItem", {"TableName": "t", "Item": {"id": {"N": 5}}}, "N"),
        ("batch:submitJob", {**JOB, "Parameters": {"frame_id": 1}}, "frame_id"),
        ("sqs:sendMessage", {"QueueUrl": 1, "MessageBody": 2}, "QueueUrl"),
        ("states:startExecution", {"StateMachineArn": "a", "Name": ["n"]}, "Name"),
    ],
)
def test_an_optimised_integration_takes_text_where_the_api_does(
    hands: Hands, resource: str, arguments: Any, field: str
) -> None:
    told = hands.refusal(f"arn:aws:states:::{resource}", arguments) or ""
    assert told.endswith(f" could not be used to start the Task: [The value for the field '{field}' must be a STRING]")


@pytest.mark.parametrize(
    ("resource", "arguments", "told"),
    [
        ("events:putEvents", {"Entries": {"a": 1}}, "'Entries' must be an ARRAY"),
        ("events:putEvents", {"Entries": [5]}, "'Entries' must be an OBJECT"),
        ("aws-sdk:dynamodb:getItem", {"TableName": "t", "Key": []}, "'Key' must be an OBJECT"),
        ("aws-sdk:dynamodb:getItem", {"TableName": "t", "Key": {"id": "1"}}, "'id' must be an OBJECT"),
    ],
)
def test_what_is_nested_is_so_in_the_parameters_too(hands: Hands, resource: str, arguments: Any, told: str) -> None:
    assert f"[The value for the field {told}]" in (hands.refusal(f"arn:aws:states:::{resource}", arguments) or "")


@pytest.mark.parametrize(
    ("resource", "arguments"),
    [
        ("sqs:sendMessage", {"QueueUrl": "u", "MessageBody": {"a": 1}}),
        ("sns:publish", {"TopicArn": "t", "Message": [1]}),
        ("states:startExecution", {"StateMachineArn": "a", "Input": 5}),
        ("events:putEvents", {"Entries": [{"Detail": {"a": 1}, "DetailType": "t", "Source": "s"}]}),
        ("aws-sdk:sfn:startExecution", {"StateMachineArn": "a", "Name": 1}),
    ],
)
def test_what_is_made_for_json_and_the_sdk_take_any_value(hands: Hands, resource: str, arguments: Any) -> None:
    assert hands.refusal(f"arn:aws:states:::{resource}", arguments) is None


def test_a_value_where_the_api_wants_text_is_sent_as_json(run: Run) -> None:
    queue = said(run("aws-sdk:sqs:createQueue", {"QueueName": uuid.uuid4().hex}))["QueueUrl"]
    said(run("sqs:sendMessage", {"QueueUrl": queue, "MessageBody": {"n": [1, None]}}))
    [message] = said(run("aws-sdk:sqs:receiveMessage", {"QueueUrl": queue}))["Messages"]
    assert message["Body"] == '{"n":[1,null]}'


def test_events_name_the_execution_and_its_machine(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    real = Services.__call__
    monkeypatch.setattr(Services, "__call__", lambda self, *args: asked.append(args) or real(self, *args))
    entry = {"Source": "s", "DetailType": "d", "Detail": {"a": 1}}
    assert said(run("events:putEvents", {"Entries": [entry]}))["FailedEntryCount"] == 0
    assert asked[-1][2]["Entries"][0]["Resources"] == [
        EXECUTION.replace(":execution:", ":stateMachine:")[:-2],
        EXECUTION,
    ]
    assert run("events:putEvents", {"Entries": [entry | {"Detail": "no json"}]})[-1].error == "EventBridge.FailedEntry"


# Jobs


@pytest.fixture
def glue_job(run: Run) -> str:
    name = uuid.uuid4().hex
    command = {"Name": "glueetl", "ScriptLocation": "s3://bucket/script"}
    said(run("aws-sdk:glue:createJob", {"Name": name, "Role": "r", "Command": command}))
    return name


def test_a_job_is_submitted_and_waited_for_until_it_has_ended(run: Run, glue_job: str) -> None:
    steps = run("glue:startJobRun.sync", {"JobName": glue_job})
    assert [step.kind for step in steps] == ["submitted", "ended"]
    run_id = json.loads(steps[0].text or "")["JobRunId"]
    assert (said(steps)["Id"], said(steps)["JobRunState"]) == (run_id, "SUCCEEDED")


def test_a_query_is_waited_for_and_can_be_waited_for_again(run: Run) -> None:
    """After a crash: the answer that was submitted is all that is needed."""
    asked = {"QueryString": "SELECT 1", "ResultConfiguration": {"OutputLocation": "s3://bucket/"}}
    steps = run("athena:startQueryExecution.sync", asked)
    again = run("athena:startQueryExecution.sync", asked, submitted=steps[0].text)
    assert [step.kind for step in again] == ["ended"]
    assert said(again)["QueryExecutionId"] == said(steps)["QueryExecutionId"]


def test_a_job_that_nobody_waits_for_any_more_is_stopped(
    hands: Hands, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    real = Services.__call__

    def call(self: Services, service: str, action: str, params: Any) -> Any:
        asked.append((action, params))
        answer = real(self, service, action, params)
        if action == "getQueryExecution":
            answer["QueryExecution"]["Status"]["State"] = "RUNNING"
        return answer

    monkeypatch.setattr(Services, "__call__", call)
    work = Work(EXECUTION, "arn:aws:states:::athena:startQueryExecution.sync", '{"QueryString": "SELECT 1"}', "r-1")
    steps = hands.perform(work)
    query = json.loads(next(steps).text or "")["QueryExecutionId"]
    threading.Timer(0.2, hands.cancel, ["r-1"]).start()
    assert next(steps).error == "States.TaskFailed"
    assert asked[-1] == ("stopQueryExecution", {"QueryExecutionId": query})


@pytest.mark.parametrize("key", jobs())
def test_what_is_asked_of_a_job_and_read_of_it_is_in_the_model_of_its_service(key: str) -> None:
    """For the services that no fake plays: fields, states and the parameters of looking and stopping."""
    from stepwell.resources.casing import request
    from stepwell.resources.services import upper

    service, action = key.split(":")
    model = service_model(service)
    given = _example(model.operation_model(upper(action)).input_shape)
    answer = _example(model.operation_model(upper(action)).output_shape)
    begun = job(key, given, answer)
    for name, parameters in (begun.look, begun.stop):
        shape = model.operation_model(upper(name)).input_shape
        sent = request(shape, parameters, upper)
        assert [each for each in shape.required_members if each not in sent] == []
    told = model.operation_model(upper(begun.look[0])).output_shape
    assert begun.state(begun.read(_example(told))) is False
    states = set(_at(told, [*filter(None, begun.at.split(".")), *begun.status.split(".")]).enum)
    assert not states or {*begun.good, *begun.busy} <= states


def _example(shape: Any, depth: int = 0) -> Any:
    if shape.type_name == "structure":
        members = shape.members.items() if depth < 5 else ()
        return {name[:1].upper() + name[1:]: _example(member, depth + 1) for name, member in members}
    if shape.type_name == "list":
        return [_example(shape.member, depth + 1)]
    return "x"


def _at(shape: Any, path: list[str]) -> Any:
    for step in path:
        shape = shape.member if step.isdecimal() else {k[:1].upper() + k[1:]: v for k, v in shape.members.items()}[step]
    return shape


# This machine's own


def test_an_execution_that_was_perhaps_started_is_found_instead_of_refused(tmp_path: Path) -> None:
    with Engine(tmp_path) as engine:
        thread = threading.Thread(target=engine.worker.run, args=(lambda: False,))
        thread.start()
        definition = '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}'
        arn = engine.perform("CreateStateMachine", {"name": "m", "definition": definition})
        text = json.dumps({"StateMachineArn": arn["stateMachineArn"]})  # type: ignore[index]
        work = Work(EXECUTION, "arn:aws:states:::states:startExecution.sync", text, "the-same")
        first = [*engine.hands.perform(work)]
        refused = [*engine.hands.perform(work)]
        again = [*engine.hands.perform(work._replace(again=1))]
        engine.worker.close()
        thread.join()
    assert refused[-1].error == "StepFunctions.ExecutionAlreadyExistsException"
    assert said(again)["ExecutionArn"] == said(first)["ExecutionArn"]
    assert [step.kind for step in again] == ["submitted", "ended"]


def test_a_call_that_is_cancelled_before_it_has_begun_is_not_made(hands: Hands, tmp_path: Path) -> None:
    work = Work(EXECUTION, "arn:aws:states:::aws-sdk:s3:createBucket", '{"Bucket": "never-made"}', "r-1")
    steps = hands.perform(work)
    hands.cancel("r-1")
    assert list(steps) == []


def test_a_function_that_is_cancelled_while_it_starts_is_killed(
    hands: Hands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "app.py").write_text("import time\ndef handler(event, context):\n    time.sleep(600)")
    arn = "arn:aws:lambda:us-east-1:123456789012:function:app"
    hands.functions.register(Function(arn, "app.handler", tmp_path, {}, 600))
    real = hands.functions.take

    def take(arn: str, request: str) -> FunctionProcess:
        hands.cancel(request)
        return real(arn, request)

    monkeypatch.setattr(hands.functions, "take", take)
    assert list(hands.perform(Work(EXECUTION, arn, "{}", "r-1")))[-1].error == "Runtime.ExitError"


def test_a_profile_that_does_not_exist_is_told(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    services = Services()
    sqs = "arn:aws:states:::sqs:sendMessage"
    hands = Hands(hands.functions, services)
    service_model.cache_clear()
    assert hands.refusal(sqs, {"QueueUrl": "q", "MessageBody": "m"}) is None
    end = list(hands.perform(Work(EXECUTION, sqs, '{"QueueUrl": "q", "MessageBody": "m"}', "r-1")))[-1]
    assert (end.error, end.cause) == ("States.Runtime", "The config profile (nobody) could not be found")
