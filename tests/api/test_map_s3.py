"""Map runs that read from S3 and write to it, from end to end."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.served import end_of
from tests.api.test_map_runs import ODD, PASS, counted, distributed, run_of, started, types
from tests.s3 import served_with_s3

BUCKET = "maps"
READER = {
    "Resource": "arn:aws:states:::s3:getObject",
    "ReaderConfig": {"InputType": "JSONL"},
    "Parameters": {"Bucket": BUCKET, "Key.$": "$.key"},
}
WRITER = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": BUCKET, "Prefix.$": "$.prefix"}}


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any]]:
    with served_with_s3(tmp_path_factory.mktemp("served"), BUCKET) as made:
        yield made


@pytest.fixture
def sfn(clients: tuple[Any, Any]) -> Any:
    return clients[0]


@pytest.fixture
def s3(clients: tuple[Any, Any]) -> Any:
    return clients[1]


def read(s3: Any, key: str) -> Any:
    return json.loads(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())


def test_many_lines_become_children_and_their_results_a_file(sfn: Any, s3: Any) -> None:
    """Lines are read and put down in parts; every item keeps its place."""
    s3.put_object(Bucket=BUCKET, Key="many", Body="\n".join(map(str, range(2_500))).encode())
    definition = distributed(PASS, True, ItemReader=READER, ItemBatcher={"MaxItemsPerBatch": 7}, ResultWriter=WRITER)
    arn = started(sfn, definition, {"key": "many", "prefix": "out"})
    told = json.loads(end_of(sfn, arn)["output"])
    run = run_of(sfn, arn)
    folder = f"out/{run['mapRunArn'].rpartition(':')[2]}"
    assert told == {
        "MapRunArn": run["mapRunArn"],
        "ResultWriterDetails": {"Bucket": BUCKET, "Key": f"{folder}/manifest.json"},
    }
    assert (counted(run), counted(run, "itemCounts")) == (
        {"succeeded": 358, "total": 358},
        {"succeeded": 2_500, "total": 2_500},
    )
    [file] = read(s3, f"{folder}/manifest.json")["ResultFiles"]["SUCCEEDED"]
    children = read(s3, file["Key"])
    assert [n for child in children for n in json.loads(child["Output"])["Items"]] == list(range(2_500))
    assert list(children[0]) == sorted(children[0])
    assert children[0]["StateMachineArn"] == run["mapRunArn"].replace(":mapRun:", ":stateMachine:").rpartition(":")[0]


def test_a_run_that_fails_tells_in_its_files_what_has_become_of_each_child(sfn: Any, s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="odd", Body=b'{"odd": false}\n{"odd": true}\n{"odd": false}')
    definition = distributed(ODD, MaxConcurrency=1, ItemReader=READER, ResultWriter=WRITER)
    arn = started(sfn, definition, {"key": "odd", "prefix": "broken"})
    assert end_of(sfn, arn)["error"] == "States.ExceedToleratedFailureThreshold"
    folder = f"broken/{run_of(sfn, arn)['mapRunArn'].rpartition(':')[2]}"
    files = read(s3, f"{folder}/manifest.json")["ResultFiles"]
    assert {kind: [child["Status"] for child in read(s3, found[0]["Key"])] for kind, found in files.items()} == {
        "FAILED": ["FAILED"],
        "PENDING": ["PENDING"],
        "SUCCEEDED": ["SUCCEEDED"],
    }


def test_a_reader_that_failed_reads_again_when_it_is_redriven(sfn: Any, s3: Any) -> None:
    arn = started(sfn, distributed(PASS, ItemReader=READER), {"key": "later"})
    told = end_of(sfn, arn)
    assert told["error"] == "States.ItemReaderFailed"
    assert "Error Code: NoSuchKey" in told["cause"]
    assert types(sfn, arn)[3:] == ["MapRunStarted", "MapRunFailed", "MapStateFailed", "ExecutionFailed"]
    s3.put_object(Bucket=BUCKET, Key="later", Body=b"1\n2")
    sfn.redrive_execution(executionArn=arn)
    assert end_of(sfn, arn)["output"] == "[1,2]"
    assert types(sfn, arn)[7:10] == ["ExecutionRedriven", "MapRunRedriven", "MapRunSucceeded"]
