"""TestState: one state by itself. The examples are those of AWS's documentation where it has some."""

import json

import pytest

from stepwell import errors
from stepwell.cli.local import Engine
from tests.api.test_lambda import zipped

ROLE = "arn:aws:iam::123456789012:role/r"
INVOKE = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
JSONATA = {**INVOKE, "QueryLanguage": "JSONata"}
BRANCH = {"StartAt": "B", "States": {"B": {"Type": "Pass", "End": True}}}
OTHER = {"StartAt": "C", "States": {"C": {"Type": "Pass", "End": True}}}
PARALLEL = {"Type": "Parallel", "Branches": [BRANCH, OTHER], "End": True}
RETRY = [{"ErrorEquals": ["Busy"], "IntervalSeconds": 2, "MaxAttempts": 3, "BackoffRate": 2.0}]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with Engine(tmp_path_factory.mktemp("home")) as engine:
        yield engine.client


@pytest.fixture
def tried(client):
    def tried(state, input_=None, **request):
        text = {} if input_ is None else {"input": json.dumps(input_)}
        return client.test_state(definition=json.dumps(state), **text, **request)

    return tried


@pytest.fixture
def seen(tried):
    """The inspectionData, its texts read."""

    def seen(*arguments, **request):
        data = tried(*arguments, inspectionLevel="DEBUG", **request)["inspectionData"]
        return {key: json.loads(value) if isinstance(value, str) else value for key, value in data.items()}

    return seen


def mocked(result, mode=None):
    return {"result": json.dumps(result)} | ({"fieldValidationMode": mode} if mode else {})


def failed(error="Busy", cause="why"):
    return {"errorOutput": {"error": error, "cause": cause}}


@pytest.mark.proves("API.TestState")
def test_a_choice_tells_where_it_goes(tried):
    choices = [{"Variable": "$.number", "NumericEquals": n, "Next": f"Equals {n}"} for n in (1, 2)]
    state = {"Type": "Choice", "Choices": choices, "Default": "No Match"}
    assert tried(state, {"number": 2}) == {
        "output": '{"number": 2}',
        "nextState": "Equals 2",
        "status": "SUCCEEDED",
    }


def test_the_steps_of_a_pass_are_shown_as_in_awss_documentation(tried):
    state = {
        "Type": "Pass",
        "InputPath": "$.payload",
        "Parameters": {"data": 1},
        "ResultPath": "$.result",
        "OutputPath": "$.result.data",
        "Next": "Another State",
    }
    assert tried(state, {"payload": {"foo": "bar"}}, inspectionLevel="DEBUG", roleArn=ROLE) == {
        "output": "1",
        "inspectionData": {
            "input": '{"payload": {"foo": "bar"}}',
            "afterInputPath": '{"foo":"bar"}',
            "afterParameters": '{"data":1}',
            "afterResultSelector": '{"data":1}',
            "afterResultPath": '{"payload":{"foo":"bar"},"result":{"data":1}}',
        },
        "nextState": "Another State",
        "status": "SUCCEEDED",
    }


@pytest.mark.parametrize(
    ("state", "mock", "steps"),
    [
        (INVOKE, mocked({}), "afterInputPath afterParameters result afterResultSelector afterResultPath"),
        (INVOKE, failed(), "afterInputPath afterParameters"),
        (JSONATA, mocked({}), "afterArguments result"),
        ({**JSONATA, "Arguments": {"a": 1}}, failed(), "afterArguments"),
        (PARALLEL, mocked([1, 2]), "afterResultSelector afterResultPath"),
        ({**PARALLEL, "QueryLanguage": "JSONata"}, mocked([1, 2]), ""),
        ({"Type": "Pass", "Result": 1, "End": True}, None, "afterResultSelector afterResultPath"),
        ({"Type": "Pass", "QueryLanguage": "JSONata", "Output": 1, "End": True}, None, ""),
        ({"Type": "Wait", "Seconds": 0, "End": True}, None, "afterInputPath"),
        ({"Type": "Succeed"}, None, "afterInputPath"),
        ({"Type": "Fail"}, None, ""),
    ],
)
def test_each_type_of_state_shows_its_own_steps_as_far_as_it_came(seen, state, mock, steps):
    request = {"mock": mock} if mock else {}
    assert set(seen(state, {"a": 1}, **request)) == {"input", *steps.split()}


def test_a_mock_stands_for_the_result_and_the_rest_is_done(tried):
    state = {**INVOKE, "ResultSelector": {"n.$": "$.Payload.n"}, "ResultPath": "$.r", "OutputPath": "$.r"}
    answer = tried(state, {"a": 1}, mock=mocked({"Payload": {"n": 2}}))
    assert answer == {"status": "SUCCEEDED", "output": '{"n":2}'}


def test_a_mocked_error_is_retried_until_the_attempts_are_used_up(seen, tried):
    state = {**INVOKE, "Retry": RETRY}
    answer = tried(state, mock=failed(), stateConfiguration={"retrierRetryCount": 1})
    assert answer == {"status": "RETRIABLE", "error": "Busy", "cause": "why"}
    for fired, details in ((1, {"retryIndex": 0, "retryBackoffIntervalSeconds": 4}), (3, {"retryIndex": 0})):
        data = seen(state, mock=failed(), stateConfiguration={"retrierRetryCount": fired})
        assert data["errorDetails"] == details
    assert tried(state, mock=failed(), stateConfiguration={"retrierRetryCount": 3})["status"] == "FAILED"


def test_a_mocked_error_is_caught_and_goes_on_with_the_error(tried):
    catch = [{"ErrorEquals": ["Other"], "Next": "No"}, {"ErrorEquals": ["Busy"], "ResultPath": "$.e", "Next": "Yes"}]
    answer = tried({**INVOKE, "Catch": catch}, {"a": 1}, mock=failed(), inspectionLevel="DEBUG")
    assert answer.pop("inspectionData")["errorDetails"] == {"catchIndex": 1}
    assert answer == {
        "status": "CAUGHT_ERROR",
        "nextState": "Yes",
        "error": "Busy",
        "cause": "why",
        "output": '{"a":1,"e":{"Error":"Busy","Cause":"why"}}',
    }


def test_a_catcher_that_cannot_be_evaluated_fails_the_state(tried):
    catch = [{"ErrorEquals": ["States.ALL"], "Output": "{% $nothing %}", "Next": "N"}]
    answer = tried({**JSONATA, "Catch": catch}, mock=failed())
    assert (answer["status"], answer["error"]) == ("FAILED", "States.QueryEvaluationError")


def test_what_cannot_be_evaluated_fails_with_awss_cause(tried):
    answer = tried({"Type": "Pass", "InputPath": "$.no", "End": True}, {})
    assert answer == {
        "status": "FAILED",
        "error": "States.Runtime",
        "cause": "An error occurred while executing the state 'StateName' (entered at the event id #2). "
        "Invalid path '$.no' : No results for path: $['no']",
    }


def test_a_fail_state_fails(tried):
    assert tried({"Type": "Fail", "Error": "E"}) == {"status": "FAILED", "error": "E"}


def test_variables_are_read_and_shown_together_with_those_that_the_state_assigns(seen):
    state = {"Type": "Pass", "Assign": {"b.$": "$a"}, "End": True}
    assert seen(state, variables='{"a": [1]}')["variables"] == {"a": [1], "b": [1]}


def test_the_context_object_is_that_of_an_express_execution_unless_it_is_given(tried):
    state = {**JSONATA, "Output": "{% $states.context %}"}
    context = json.loads(tried(state, {"a": 1}, mock=mocked({}), roleArn=ROLE)["output"])
    machine, name = context["StateMachine"]["Name"], context["Execution"]["Name"]
    assert context["Execution"]["Id"] == f"arn:aws:states:us-east-1:123456789012:express:{machine}:{name}"
    assert (context["Execution"]["Input"], context["Execution"]["RoleArn"]) == ({"a": 1}, ROLE)
    assert (context["State"]["Name"], context["State"]["RetryCount"]) == ("StateName", 0)
    given = tried(state, mock=mocked({}), context='{"Execution": {"Id": "x"}}')
    assert given["output"] == '{"Execution":{"Id":"x"}}'


def test_a_state_of_a_machine_is_found_by_its_name_also_inside_of_others(tried):
    inner = {"StartAt": "I", "States": {"I": {"Type": "Pass", "OutputPath": "$$.Map.Item", "End": True}}}
    machine = {"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": inner, "End": True}}}
    assert json.loads(tried(machine, {"a": 1}, stateName="I")["output"]) == {"Index": 0, "Value": {"a": 1}}
    with pytest.raises(errors.ValidationException, match="State not found in definition"):
        tried(machine, stateName="J")


def test_a_machine_that_is_wrong_elsewhere_is_refused(tried):
    machine = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "Nowhere"}}}
    with pytest.raises(errors.InvalidDefinition, match="Missing 'Next' target: Nowhere at /States/A/Next"):
        tried(machine, stateName="A")


@pytest.mark.parametrize(
    ("state", "request_", "error", "told"),
    [
        (INVOKE, {}, "ValidationException", "RoleArn must be specified when testing a Task state"),
        (
            PARALLEL,
            {},
            "InvalidDefinition",
            "TestState API does not support Map or Parallel states. "
            "Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]",
        ),
        (
            {"Type": "Parallel", "Branches": [], "End": True},
            {"mock": mocked([])},
            "InvalidDefinition",
            "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: Value cannot be empty "
            "at /States/StateName/Branches'",
        ),
        (
            INVOKE,
            {"mock": {**mocked({}), **failed()}},
            "ValidationException",
            "A test mock should have only one of the following fields: [result, errorOutput].",
        ),
        (
            INVOKE,
            {"mock": mocked({}), "revealSecrets": True},
            "ValidationException",
            "TestState does not support RevealSecrets when a mock is specified.",
        ),
        (
            {"Type": "Wait", "Seconds": 1, "End": True},
            {"mock": mocked({})},
            "ValidationException",
            "State type 'Wait' is not supported when a mock is specified",
        ),
        (INVOKE, {"roleArn": "r"}, "InvalidArn", "Invalid Role Arn: 'r'"),
        (INVOKE, {"mock": {"errorOutput": {"cause": "c"}}}, "ValidationException", "must have an error"),
        (INVOKE, {"mock": {"result": "[]"}}, "ValidationException", "Mocked result must be a JSON object."),
        (INVOKE, {"mock": {"result": "no"}}, "ValidationException", "Mocked result must be valid JSON"),
        (INVOKE, {"mock": {"result": "[NaN]"}}, "ValidationException", "Mocked result must be valid JSON"),
        (PARALLEL, {"mock": mocked({})}, "ValidationException", "Mocked result must be an array."),
        (
            PARALLEL,
            {"mock": mocked([1])},
            "ValidationException",
            "Mocked result must contain the same number of items as number of Parallel branches.",
        ),
        (
            {"Type": "Pass", "End": True},
            {"stateConfiguration": {"retrierRetryCount": 1}},
            "ValidationException",
            "TestState does not support RetrierRetryCount when a mock is not specified.",
        ),
        (
            {"Type": "Pass", "End": True},
            {"context": "{}"},
            "ValidationException",
            "TestState does not support Context when a mock is not specified.",
        ),
        ({"Type": "Pass", "End": True}, {"variables": "[]"}, "ValidationException", "must be a valid JSON object"),
    ],
)
def test_what_cannot_be_tested_is_refused_in_awss_words(tried, state, request_, error, told):
    with pytest.raises(getattr(errors, error)) as refusal:
        tried(state, **request_)
    assert told in refusal.value.message


def test_what_waits_for_somebody_needs_a_mock(tried):
    for resource in ("arn:aws:states:::sqs:sendMessage.waitForTaskToken", "arn:aws:states:::batch:submitJob.sync"):
        with pytest.raises(errors.ValidationException, match="when a mock is not specified"):
            tried({**INVOKE, "Resource": resource}, roleArn=ROLE)


MAP = {"Type": "Map", "ItemProcessor": BRANCH, "End": True}
FAR = {**BRANCH, "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}


def test_a_map_shows_its_items_on_their_way(tried):
    state = {
        **MAP,
        "InputPath": "$.in",
        "ItemsPath": "$.list",
        "ItemSelector": {"v.$": "$$.Map.Item.Value"},
        "ItemProcessor": FAR,
        "ItemBatcher": {"MaxItemsPerBatch": 2},
        "ToleratedFailureCountPath": "$.most",
        "ToleratedFailurePercentage": 50,
    }
    input_ = {"in": {"list": [1, 2, 3], "most": 1}}
    answer = tried(state, input_, mock=mocked([7]), inspectionLevel="DEBUG")
    assert answer["inspectionData"] == {
        "input": json.dumps(input_),
        "afterInputPath": '{"list":[1,2,3],"most":1}',
        "afterItemsPath": "[1, 2, 3]",
        "afterItemSelector": '[{"v":1}, {"v":2}, {"v":3}]',
        "afterItemBatcher": '[{"Items":[{"v":1},{"v":2}]}, {"Items":[{"v":3}]}]',
        "maxConcurrency": 0,
        "toleratedFailureCount": 1,
        "toleratedFailurePercentage": 50,
        "afterResultSelector": "[7]",
        "afterResultPath": "[7]",
    }
    inline = tried({**MAP, "MaxConcurrency": 3}, [1], mock=mocked([7]), inspectionLevel="DEBUG")
    assert set(inline["inspectionData"]) == {
        "input", "afterInputPath", "maxConcurrency", "afterResultSelector", "afterResultPath",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "failures", "status"),
    [
        ({}, 3, "SUCCEEDED"),
        ({"ToleratedFailureCount": 1}, 1, "SUCCEEDED"),
        ({"ToleratedFailureCount": 1}, 2, "FAILED"),
        ({"ToleratedFailurePercentage": 50}, 1, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 50}, 2, "FAILED"),
    ],
)
def test_a_map_fails_when_more_of_its_iterations_have_failed_than_it_tolerates(tried, fields, failures, status):
    state = {**MAP, "ItemProcessor": FAR, **fields}
    answer = tried(state, [1, 2, 3], mock=mocked([1, 2, 3]), stateConfiguration={"mapIterationFailureCount": failures})
    assert answer["status"] == status
    if status == "FAILED":
        assert answer["error"] == "States.ExceedToleratedFailureThreshold"
        assert answer["cause"] == "The specified tolerated failure threshold was exceeded"


def test_what_a_reader_would_read_is_given_as_a_text(tried, seen):
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "Parameters": {"Bucket": "b", "Key": "k.csv"},
        "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
    }
    state = {**MAP, "ItemProcessor": FAR, "ItemReader": reader, "ItemSelector": {"id.$": "$$.Map.Item.Value.id"}}
    given = {"mapItemReaderData": "id,name\n1,a\n2,b\n"}
    data = seen(state, mock=mocked([0, 0]), stateConfiguration=given)
    assert data["afterItemSelector"] == [{"id": "1"}, {"id": "2"}]
    with pytest.raises(errors.ValidationException, match="less than or equal to the number of Map iterations"):
        tried(state, mock=mocked([0, 0, 0]), stateConfiguration={**given, "mapIterationFailureCount": 3})
    pointed = {**reader, "ReaderConfig": {"InputType": "JSON", "ItemsPointer": "/rows"}}
    data = seen(
        {**state, "ItemReader": pointed},
        mock=mocked([]),
        stateConfiguration={"mapItemReaderData": '{"rows": [{"id": 3}]}'},
    )
    assert (data["afterItemsPointer"], data["afterItemSelector"]) == ([{"id": 3}], [{"id": 3}])


def test_a_map_that_writes_its_results_is_mocked_with_an_object(tried):
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b"}}
    state = {**MAP, "ItemProcessor": FAR, "ResultWriter": writer}
    assert tried(state, [1], mock=mocked({"MapRunArn": "x"}))["status"] == "SUCCEEDED"
    with pytest.raises(errors.ValidationException, match="Mocked result must be a JSON object"):
        tried(state, [1], mock=mocked([1]))


def test_a_task_without_a_mock_calls_its_function(served):
    functions, name = served.client("lambda"), "tried"
    functions.create_function(
        FunctionName=name, Runtime="python3.12", Role=ROLE, Handler="handler.handler", Code={"ZipFile": zipped()}
    )
    arn = functions.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    state = {"Type": "Task", "Resource": arn, "ResultSelector": {"v.$": "$.event"}, "End": True}
    sfn = served.client()
    answer = sfn.test_state(definition=json.dumps(state), input='{"a": 1}', roleArn=ROLE)
    assert (answer["status"], json.loads(answer["output"])) == ("SUCCEEDED", {"v": {"a": 1}})
    functions.create_function(
        FunctionName="slow",
        Runtime="python3.12",
        Role=ROLE,
        Handler="handler.handler",
        Code={"ZipFile": zipped("import time\n\ndef handler(event, context):\n    time.sleep(60)\n")},
        Timeout=60,
    )
    slow = {"Type": "Task", "Resource": arn.replace("tried", "slow"), "TimeoutSeconds": 1, "End": True}
    timed_out = sfn.test_state(definition=json.dumps(slow), roleArn=ROLE)
    assert (timed_out["status"], timed_out["error"], "cause" in timed_out) == ("FAILED", "States.Timeout", False)
    broken = sfn.test_state(definition=json.dumps(state), input='"fail"', roleArn=ROLE)
    assert (broken["status"], broken["error"]) == ("FAILED", "KeyError")
