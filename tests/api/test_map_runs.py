"""Map runs through boto3: children of their own, counted, listed, stopped and redriven with their parent."""

import json
import re
import signal
import time
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from tests.api.served import ROLE, Served, end_of
from tests.until import until as until_it_is

ODD = {  # fails for odd numbers, unless they are over 100
    "StartAt": "Look",
    "States": {
        "Look": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.odd", "BooleanEquals": True, "Next": "Break"}],
            "Default": "Well",
        },
        "Break": {"Type": "Fail", "Error": "Odd", "Cause": "one of them"},
        "Well": {"Type": "Pass", "End": True},
    },
}
PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
LATER = {"StartAt": "L", "States": {"L": {"Type": "Wait", "Seconds": 3600, "End": True}}}


def distributed(inner: dict[str, Any], express: bool = False, **fields: Any) -> str:
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS" if express else "STANDARD"}
    state = {"Type": "Map", "ItemProcessor": {**inner, "ProcessorConfig": config}, "End": True, **fields}
    return json.dumps({"StartAt": "M", "States": {"M": state}})


def started(sfn: Any, definition: str, input_: Any, name: str = "m") -> str:
    made = sfn.create_state_machine(name=f"{name}-{time.monotonic_ns()}", definition=definition, roleArn=ROLE)
    arn: str = sfn.start_execution(stateMachineArn=made["stateMachineArn"], input=json.dumps(input_))["executionArn"]
    return arn


def run_of(sfn: Any, arn: str) -> dict[str, Any]:
    run = sfn.list_map_runs(executionArn=arn)["mapRuns"][0]
    told: dict[str, Any] = sfn.describe_map_run(mapRunArn=run["mapRunArn"])
    return told


def counted(run: dict[str, Any], which: str = "executionCounts") -> dict[str, int]:
    return {key: value for key, value in run[which].items() if value and key != "resultsWritten"}


def until(told: Callable[[], Any]) -> Any:
    return until_it_is(told, "the map run is told as it should be")


def types(sfn: Any, arn: str) -> list[str]:
    return [event["type"] for event in sfn.get_execution_history(executionArn=arn)["events"]]


@pytest.mark.proves("ProcessorConfig.Mode")
def test_the_parent_sees_a_run_and_no_child(sfn: Any, ended: Callable[[str], Any]) -> None:
    arn = started(sfn, distributed(PASS), [3, 1, 2])
    assert ended(arn)["output"] == "[3,1,2]"
    assert types(sfn, arn)[2:] == [
        "MapStateStarted",
        "MapRunStarted",
        "MapRunSucceeded",
        "MapStateSucceeded",
        "MapStateExited",
        "ExecutionSucceeded",
    ]


@pytest.mark.proves("Map.Label")
def test_a_run_is_named_after_machine_and_label_and_so_are_its_children(sfn: Any, ended: Callable[[str], Any]) -> None:
    arn = started(sfn, distributed(PASS, Label="Rows"), [1], name="named")
    ended(arn)
    run = run_of(sfn, arn)
    machine = arn.split(":")[6]
    assert re.fullmatch(
        rf"arn:aws:states:us-east-1:123456789012:mapRun:{machine}/Rows:[0-9a-f-]{{36}}", run["mapRunArn"]
    )
    child = sfn.list_executions(mapRunArn=run["mapRunArn"])["executions"][0]
    assert child["stateMachineArn"].endswith(f":stateMachine:{machine}/Rows")
    assert re.fullmatch(rf".*:execution:{machine}/Rows:[0-9a-f-]{{36}}", child["executionArn"])
    assert (child["mapRunArn"], child["itemCount"]) == (run["mapRunArn"], 1)
    told = sfn.describe_execution(executionArn=child["executionArn"])
    assert (told["mapRunArn"], told["input"], told["output"]) == (run["mapRunArn"], "1", "1")
    assert types(sfn, child["executionArn"])[0] == "ExecutionStarted"


def test_children_are_listed_with_their_run_and_not_with_the_machine(sfn: Any, ended: Callable[[str], Any]) -> None:
    arn = started(sfn, distributed(PASS), list(range(5)))
    machine = ended(arn)["stateMachineArn"]
    assert [e["executionArn"] for e in sfn.list_executions(stateMachineArn=machine)["executions"]] == [arn]
    pages = sfn.get_paginator("list_executions").paginate(
        mapRunArn=run_of(sfn, arn)["mapRunArn"], PaginationConfig={"PageSize": 2}
    )
    assert [len(page["executions"]) for page in pages] == [2, 2, 1]


@pytest.mark.proves("API.DescribeMapRun Map.ItemBatcher ItemBatcher.MaxItemsPerBatch")
def test_a_run_is_described_by_counts_of_children_and_items(sfn: Any, ended: Callable[[str], Any]) -> None:
    arn = started(sfn, distributed(PASS, MaxConcurrency=2, ItemBatcher={"MaxItemsPerBatch": 2}), [1, 2, 3])
    assert json.loads(ended(arn)["output"]) == [{"Items": [1, 2]}, {"Items": [3]}]
    run = run_of(sfn, arn)
    assert (run["status"], run["maxConcurrency"], run["toleratedFailurePercentage"]) == ("SUCCEEDED", 2, 0.0)
    assert counted(run) == {"succeeded": 2, "total": 2}
    assert counted(run, "itemCounts") == {"succeeded": 3, "total": 3}


@pytest.mark.proves("States.ExceedToleratedFailureThreshold")
def test_the_first_failure_ends_a_run_that_tolerates_none(sfn: Any, ended: Callable[[str], Any]) -> None:
    arn = started(sfn, distributed(ODD, MaxConcurrency=1), [{"odd": False}, {"odd": True}, {"odd": False}])
    told = ended(arn)
    assert (told["error"], told["cause"]) == (
        "States.ExceedToleratedFailureThreshold",
        "The specified tolerated failure threshold was exceeded",
    )
    assert types(sfn, arn)[4:] == ["MapRunFailed", "MapStateFailed", "ExecutionFailed"]
    run = run_of(sfn, arn)
    assert run["status"] == "FAILED"
    assert counted(run) == {"succeeded": 1, "failed": 1, "pending": 1, "total": 3}


@pytest.mark.proves("Map.ToleratedFailureCount Map.ToleratedFailurePercentage")
def test_a_failure_that_is_tolerated_is_told_in_the_result(sfn: Any, ended: Callable[[str], Any]) -> None:
    items = [{"odd": False}, {"odd": True}, {"odd": False}]
    for tolerance in ({"ToleratedFailureCount": 1}, {"ToleratedFailurePercentage": 33.4}):
        first, broken, last = json.loads(ended(started(sfn, distributed(ODD, **tolerance), items))["output"])
        assert first == last == {"odd": False}
        assert (broken["Status"], broken["Error"], broken["Input"]) == ("FAILED", "Odd", '{"odd":true}')
    told = ended(started(sfn, distributed(ODD, ToleratedFailurePercentage=33.3), items))
    assert told["error"] == "States.ExceedToleratedFailureThreshold"


@pytest.mark.proves("API.ListMapRuns")
def test_a_retry_begins_another_run_and_a_catch_sees_the_error(sfn: Any, ended: Callable[[str], Any]) -> None:
    retry = [{"ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "MaxAttempts": 1, "IntervalSeconds": 1}]
    definition = json.loads(distributed(ODD, Retry=retry, Catch=[{"ErrorEquals": ["States.ALL"], "Next": "C"}]))
    definition["States"]["C"] = {"Type": "Pass", "End": True}
    arn = started(sfn, json.dumps(definition), [{"odd": True}])
    assert json.loads(ended(arn)["output"])["Error"] == "States.ExceedToleratedFailureThreshold"
    pages = sfn.get_paginator("list_map_runs").paginate(executionArn=arn, PaginationConfig={"PageSize": 1})
    runs = [[run["mapRunArn"] for run in page["mapRuns"]] for page in pages]
    assert [len(page) for page in runs] == [1, 1]
    assert runs[0] != runs[1]
    assert [t for t in types(sfn, arn) if t.startswith("Map")][1:] == [
        *["MapStateStarted", "MapRunStarted", "MapRunFailed"] * 2,
        "MapStateFailed",
        "MapStateExited",
    ]


def test_the_end_of_the_parent_is_the_end_of_its_children(sfn: Any) -> None:
    arn = started(sfn, distributed(LATER, MaxConcurrency=2), [1, 2, 3])
    until(lambda: sfn.list_map_runs(executionArn=arn)["mapRuns"] and counted(run_of(sfn, arn)).get("running") == 2)
    sfn.stop_execution(executionArn=arn)
    run = until(lambda: (r := run_of(sfn, arn))["status"] == "ABORTED" and "running" not in counted(r) and r)
    assert counted(run) == {"aborted": 2, "pending": 1, "total": 3}
    assert types(sfn, arn)[-1] == "ExecutionAborted"


@pytest.mark.proves("API.UpdateMapRun")
def test_limits_may_change_while_a_run_is_under_way(sfn: Any) -> None:
    arn = started(sfn, distributed(LATER, MaxConcurrency=1), [1, 2, 3])
    run = until(lambda: sfn.list_map_runs(executionArn=arn)["mapRuns"])[0]["mapRunArn"]
    until(lambda: counted(run_of(sfn, arn)).get("running") == 1)
    sfn.update_map_run(mapRunArn=run, maxConcurrency=2, toleratedFailurePercentage=12.5)
    until(lambda: counted(run_of(sfn, arn)).get("running") == 2)
    assert run_of(sfn, arn)["toleratedFailurePercentage"] == 12.5
    with pytest.raises(sfn.exceptions.ClientError, match="ValidationException"):
        sfn.update_map_run(mapRunArn=run)
    with pytest.raises(sfn.exceptions.ResourceNotFound):
        sfn.describe_map_run(mapRunArn=f"{run}x")
    sfn.stop_execution(executionArn=arn)


@pytest.mark.proves("ProcessorConfig.ExecutionType")
@pytest.mark.parametrize("express", [False, True])
def test_a_redrive_goes_on_with_the_same_run(sfn: Any, ended: Callable[[str], Any], express: bool) -> None:
    """Children that have succeeded stay; those that have not go on, and those never started begin."""
    inner = {"StartAt": "V", "States": {"V": {"Type": "Wait", "SecondsPath": "$.s", "End": True}}}
    definition = distributed(inner, express, MaxConcurrency=2, ToleratedFailureCount=0)
    arn = started(sfn, definition, [{"s": 0}, {"s": 1}, {"s": 1}, {"s": 0}])
    until(lambda: sfn.list_map_runs(executionArn=arn)["mapRuns"] and counted(run_of(sfn, arn)).get("running") == 2)
    sfn.stop_execution(executionArn=arn)
    until(lambda: counted(run_of(sfn, arn)).get("aborted") == 2)
    sfn.redrive_execution(executionArn=arn)
    assert ended(arn)["status"] == "SUCCEEDED"
    run = run_of(sfn, arn)
    assert (run["redriveCount"], counted(run)) == (1, {"succeeded": 4, "total": 4})
    history = sfn.get_execution_history(executionArn=arn)["events"]
    redriven = next(event for event in history if event["type"] == "MapRunRedriven")
    assert redriven["mapRunRedrivenEventDetails"] == {"mapRunArn": run["mapRunArn"], "redriveCount": 1}
    assert [event["id"] for event in history] == list(range(1, len(history) + 1))


def test_a_child_is_redriven_by_its_run_alone(sfn: Any, ended: Callable[[str], Any]) -> None:
    arn = started(sfn, distributed(ODD), [{"odd": True}])
    ended(arn)
    child = sfn.list_executions(mapRunArn=run_of(sfn, arn)["mapRunArn"])["executions"][0]["executionArn"]
    assert sfn.describe_execution(executionArn=child)["redriveStatus"] == "REDRIVABLE_BY_MAP_RUN"
    with pytest.raises(sfn.exceptions.ExecutionNotRedrivable):
        sfn.redrive_execution(executionArn=child)


def test_an_express_child_is_described_and_nothing_else(sfn: Any, ended: Callable[[str], Any]) -> None:
    arn = started(sfn, distributed(PASS, express=True), [1])
    ended(arn)
    [child] = sfn.list_executions(mapRunArn=run_of(sfn, arn)["mapRunArn"])["executions"]
    assert sfn.describe_execution(executionArn=child["executionArn"])["status"] == "SUCCEEDED"
    refusing = (
        sfn.get_execution_history,
        sfn.stop_execution,
        sfn.redrive_execution,
        sfn.list_map_runs,
        sfn.describe_state_machine_for_execution,
    )
    for call in refusing:
        with pytest.raises(sfn.exceptions.InvalidArn, match="Resource type not valid in this context: express"):
            call(executionArn=child["executionArn"])


def test_a_run_within_a_run(sfn: Any, ended: Callable[[str], Any]) -> None:
    inner = json.loads(distributed(PASS))
    inner["States"] = {"Inner": inner["States"]["M"]}
    arn = started(sfn, distributed({"StartAt": "Inner", "States": inner["States"]}), [[1, 2], [3]])
    assert ended(arn)["output"] == "[[1,2],[3]]"


def test_a_result_that_is_too_large_fails_the_run(sfn: Any, ended: Callable[[str], Any]) -> None:
    fields = {"ItemSelector": {"text": "x" * 1000}, "ResultSelector": {"n.$": "States.ArrayLength($)"}}
    arn = started(sfn, distributed(PASS, **fields), list(range(300)))
    told = ended(arn)
    assert told["error"] == "States.DataLimitExceeded"
    assert types(sfn, arn)[4:] == ["MapRunFailed", "MapStateFailed", "ExecutionFailed"]


def test_a_run_survives_the_server(serve: Callable[[], Served]) -> None:
    """SIGKILL while some children have ended, some run and some wait: each is run to its end once."""
    server = serve()
    inner = {"StartAt": "V", "States": {"V": {"Type": "Wait", "SecondsPath": "$", "End": True}}}
    arn = started(server.client(), distributed(inner, MaxConcurrency=3), [0, 0, 1, 1, 1, 0, 0])
    until(lambda: server.client().list_map_runs(executionArn=arn)["mapRuns"])
    until(lambda: counted(run_of(server.client(), arn)).get("succeeded") == 2)
    server.end(signal.SIGKILL)
    sfn = serve().client()
    told = end_of(sfn, arn)
    assert (told["status"], told["output"]) == ("SUCCEEDED", "[0,0,1,1,1,0,0]")
    assert counted(run_of(sfn, arn)) == {"succeeded": 7, "total": 7}
    children = sfn.list_executions(mapRunArn=run_of(sfn, arn)["mapRunArn"])["executions"]
    for child in children:
        ids = [event["id"] for event in sfn.get_execution_history(executionArn=child["executionArn"])["events"]]
        assert ids == [1, 2, 3, 4]


def test_a_run_survives_deaths_at_any_moment(serve: Callable[[], Served]) -> None:
    """While items are put down, children run or results are gathered: every child ends once, its history whole."""
    chance, server = Random(7), serve()
    steps = {"A": {"Type": "Pass", "Next": "W"}, "W": {"Type": "Wait", "Seconds": 0, "End": True}}
    definition = distributed({"StartAt": "A", "States": steps}, MaxConcurrency=20)
    arn = started(server.client(), definition, list(range(1_500)))
    for _ in range(6):
        time.sleep(chance.uniform(0, 0.1))
        server.end(signal.SIGKILL)
        server.start()
    sfn = server.client()
    told = end_of(sfn, arn)
    assert (told["status"], json.loads(told["output"])) == ("SUCCEEDED", list(range(1_500)))
    run = run_of(sfn, arn)
    assert counted(run) == {"succeeded": 1_500, "total": 1_500}
    for child in sfn.list_executions(mapRunArn=run["mapRunArn"], maxResults=50)["executions"]:
        events = sfn.get_execution_history(executionArn=child["executionArn"])["events"]
        assert [event["id"] for event in events] == list(range(1, 7))


def test_an_express_child_waits_for_nobody_and_an_express_machine_has_no_children(sfn: Any) -> None:
    waits = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": True}
    refused = (
        (distributed({"StartAt": "W", "States": {"W": waits}}, True), "STANDARD", "'.waitForTaskToken'"),
        (distributed(PASS), "EXPRESS", "the DISTRIBUTED mode of Map at /States/M/ItemProcessor/ProcessorConfig/Mode"),
    )
    for definition, type_, told in refused:
        with pytest.raises(sfn.exceptions.InvalidDefinition, match=told):
            sfn.create_state_machine(name="refused", definition=definition, roleArn=ROLE, type=type_)
