"""The distributed mode of Map, as the language says it: limits, batches, labels, what is read and written."""

from random import Random
from typing import Any

import pytest

from stepwell.asl.machine import examine, parse_machine
from stepwell.asl.outcome import MapRun, Plan
from stepwell.asl.payload import Payload
from stepwell.asl.scope import Scope
from stepwell.asl.states import enter
from stepwell.errors import StatesError

INNER = {
    "StartAt": "P",
    "States": {"P": {"Type": "Pass", "End": True}},
    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
}
READER = {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key.$": "$.key"}}
WRITER = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket.$": "$.bucket", "Prefix": "p"}}


def definition(**fields: Any) -> dict[str, Any]:
    return {"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": INNER, "End": True, **fields}}}


def entered(input_: Any, **fields: Any) -> MapRun:
    state = parse_machine(definition(**fields)).states["M"]
    scope = Scope(lambda: {"State": {"Name": "M"}}, 0.0, Random(1))
    outcome = enter(state, Payload.of(input_), scope)
    assert isinstance(outcome, MapRun)
    return outcome


def plan(input_: Any, **fields: Any) -> Plan:
    return entered(input_, **fields).plan()


def children(input_: Any, items: Any = None, **fields: Any) -> list[tuple[Any, int]]:
    made = plan(input_, **fields)
    return [(payload.value, count) for payload, count in made.children(items or made.items)]


def refused(**fields: Any) -> list[str]:
    return [str(problem) for problem in examine(definition(**fields))[1]]


def test_every_item_is_a_childs_input() -> None:
    assert entered([1, "a", None]).length == 3
    assert children([1, "a", None]) == [(1, 1), ("a", 1), (None, 1)]


def test_an_item_selector_makes_the_input_of_an_item_its_index_and_the_states_input() -> None:
    selector = {"at.$": "$$.Map.Item.Index", "item.$": "$$.Map.Item.Value", "all.$": "$.n"}
    made = children({"n": 9, "of": [5, 6]}, ItemsPath="$.of", ItemSelector=selector)
    assert [child for child, _ in made] == [{"at": 0, "item": 5, "all": 9}, {"at": 1, "item": 6, "all": 9}]


@pytest.mark.proves("ItemBatcher.MaxItemsPerBatchPath ItemBatcher.BatchInput")
def test_a_batch_has_so_many_items_and_what_they_share() -> None:
    batcher = {"MaxItemsPerBatchPath": "$.most", "BatchInput": {"run.$": "$.run"}}
    made = children({"most": 2, "run": "r", "of": [1, 2, 3]}, ItemsPath="$.of", ItemBatcher=batcher)
    assert made == [
        ({"BatchInput": {"run": "r"}, "Items": [1, 2]}, 2),
        ({"BatchInput": {"run": "r"}, "Items": [3]}, 1),
    ]


@pytest.mark.proves("ItemBatcher.MaxInputBytesPerBatch ItemBatcher.MaxInputBytesPerBatchPath")
def test_a_batch_has_no_more_bytes_than_it_may() -> None:
    """{"Items":["é","é"]} has 21 bytes in UTF-8."""
    for room, sizes in ((21, [2, 1]), (20, [1, 1, 1])):
        made = children(
            {"room": room, "of": ["é"] * 3}, ItemsPath="$.of", ItemBatcher={"MaxInputBytesPerBatchPath": "$.room"}
        )
        assert [count for _, count in made] == sizes
        assert made == children(["é"] * 3, ItemBatcher={"MaxInputBytesPerBatch": room})


@pytest.mark.parametrize("batcher", [{}, {"ItemBatcher": {"MaxItemsPerBatch": 2}}])
def test_an_input_of_a_child_has_at_most_256_kib(batcher: dict[str, Any]) -> None:
    with pytest.raises(StatesError) as error:
        children(["x" * 262_144], **batcher)
    assert error.value.name == "States.DataLimitExceeded"


@pytest.mark.proves("Map.ToleratedFailureCountPath Map.ToleratedFailurePercentagePath")
def test_limits_may_come_from_the_input() -> None:
    paths = {
        "MaxConcurrencyPath": "$.c",
        "ToleratedFailureCountPath": "$.n",
        "ToleratedFailurePercentagePath": "$.p",
        "ItemsPath": "$.of",
    }
    made = plan({"c": 3, "n": 4, "p": 12.5, "of": []}, **paths)
    assert (made.concurrency, made.tolerated_count, made.tolerated_percentage) == (3, 4, 12.5)
    for wrong, cause in (
        ({"n": "x"}, 'The ToleratedFailureCountPath field refers to value "x" which is not a valid integer: $.n'),
        ({"n": -1}, "ToleratedFailureCount cannot be negative."),
        ({"p": "x"}, 'The ToleratedFailurePercentagePath field refers to value "x" which is not a valid float: $.p'),
        ({"p": 101}, "ToleratedFailurePercentage must be between 0 and 100."),
    ):
        outcome = entered({"c": 3, "n": 4, "p": 5, "of": []} | wrong, **paths)  # only once the state has started
        with pytest.raises(StatesError) as error:
            outcome.plan()
        assert (error.value.name, error.value.cause) == ("States.Runtime", cause)
    with pytest.raises(StatesError, match="MaxConcurrency cannot be negative"):
        entered({"c": -1, "n": 4, "p": 5, "of": []}, **paths)


@pytest.mark.proves("ItemReader.Parameters ItemReader.Resource ReaderConfig.MaxItems ReaderConfig.MaxItemsPath")
def test_a_reader_has_its_arguments_and_its_options() -> None:
    config = {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "MaxItemsPath": "$.most"}
    outcome = entered({"key": "k", "most": 7}, ItemReader={**READER, "ReaderConfig": config})
    assert outcome.length == 0
    reader = outcome.plan().reader
    assert reader is not None
    assert (reader.resource, reader.arguments) == (READER["Resource"], {"Bucket": "b", "Key": "k"})
    assert reader.options == {**config, "MaxItems": 7}
    fixed = plan({"key": "k"}, ItemReader={**READER, "ReaderConfig": {"MaxItems": 5}}).reader
    assert fixed is not None
    assert fixed.options["MaxItems"] == 5
    with pytest.raises(StatesError) as error:
        entered({"key": "k", "most": 1.5}, ItemReader={**READER, "ReaderConfig": config}).plan()
    assert error.value.cause == 'The MaxItemsPath field refers to value "1.5" which is not a valid integer: $.most'


def test_the_items_of_a_reader_become_children_as_they_come() -> None:
    made = plan({"key": "k"}, ItemReader=READER, ItemBatcher={"MaxItemsPerBatch": 2}).children(iter(range(10**9)))
    assert next(made)[0].value == {"Items": [0, 1]}


@pytest.mark.proves("ItemReader.Arguments ResultWriter.Arguments")
def test_jsonata_says_the_same_in_its_own_way() -> None:
    made = plan(
        {"b": "bucket", "most": 2, "c": 3, "p": 7},
        QueryLanguage="JSONata",
        MaxConcurrency="{% $states.input.c %}",
        ToleratedFailurePercentage="{% $states.input.p %}",
        ItemReader={
            "Resource": "arn:aws:states:::s3:listObjectsV2",
            "Arguments": {"Bucket": "{% $states.input.b %}"},
            "ReaderConfig": {"MaxItems": "{% $states.input.most * 2 %}"},
        },
        ItemSelector={"key": "{% $states.context.Map.Item.Value.Key %}"},
        ItemBatcher={"MaxItemsPerBatch": "{% $states.input.most %}", "BatchInput": {"c": "{% $states.input.c %}"}},
        ResultWriter={"Resource": WRITER["Resource"], "Arguments": {"Bucket": "{% $states.input.b %}"}},
    )
    assert made.reader is not None
    assert made.writer is not None
    assert (made.concurrency, made.tolerated_percentage) == (3, 7)
    assert (made.reader.arguments, made.reader.options["MaxItems"]) == ({"Bucket": "bucket"}, 4)
    assert made.writer.arguments == {"Bucket": "bucket"}
    assert [child.value for child, _ in made.children([{"Key": "a"}])] == [
        {"BatchInput": {"c": 3}, "Items": [{"key": "a"}]}
    ]


@pytest.mark.proves("Map.ResultWriter ResultWriter.Resource ResultWriter.Parameters")
def test_a_writer_has_its_arguments_and_its_options() -> None:
    writer = plan(
        {"bucket": "w", "of": []}, ResultWriter={**WRITER, "WriterConfig": {"OutputType": "JSONL"}}, ItemsPath="$.of"
    ).writer
    assert writer is not None
    assert (writer.arguments, writer.options["OutputType"]) == ({"Bucket": "w", "Prefix": "p"}, "JSONL")


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"Label": ""}, "Label cannot be empty at /States/M/Label"),
        ({"Label": "x" * 41}, "Label cannot exceed 40 characters at /States/M/Label"),
        ({"Label": "a b"}, "Label contains characters that are not allowed at /States/M/Label"),
        ({"ItemReader": {}}, "These fields are required: [Resource, Parameters] at /States/M/ItemReader"),
        (
            {"ItemReader": {**READER, "ReaderConfig": {"InputType": "CSV"}}},
            "These fields are required: [CSVHeaderLocation] at /States/M/ItemReader/ReaderConfig",
        ),
        (
            {"ItemReader": {**READER, "ReaderConfig": {"CSVHeaderLocation": "GIVEN"}}},
            "These fields are required: [CSVHeaders] at /States/M/ItemReader/ReaderConfig",
        ),
        (
            {"ItemReader": {**READER, "ReaderConfig": {"MaxItem": 1}}},
            "Field 'MaxItem' is not supported at /States/M/ItemReader/ReaderConfig",
        ),
        (
            {"ResultWriter": {"WriterConfig": {"Transformation": "LOAD_AND_FLATTEN"}}},
            "Value must be one of: [COMPACT, FLATTEN, NONE] at /States/M/ResultWriter/WriterConfig/Transformation",
        ),
        (
            {"ItemReader": {**READER, "Resource": "arn:aws:states:::sqs:receiveMessage"}},
            "Value must be one of: [arn:aws:states:::s3:getObject, arn:aws:states:::s3:listObjectsV2] "
            "at /States/M/ItemReader/Resource",
        ),
        (
            {"ItemReader": {**READER, "ReaderConfig": {"InputType": "PARQUET"}}},
            "Value must be one of: [CSV, JSON, JSONL, MANIFEST] at /States/M/ItemReader/ReaderConfig/InputType",
        ),
        (
            {"ItemReader": {**READER, "ReaderConfig": {"MaxItems": -1}}},
            "Value must be between 0 and 100000000 at /States/M/ItemReader/ReaderConfig/MaxItems",
        ),
        (
            {"ItemBatcher": {"BatchInput": 1}},
            "At least one of these fields is required: [MaxItemsPerBatch, MaxInputBytesPerBatch] "
            "at /States/M/ItemBatcher",
        ),
        (
            {"ResultWriter": {"Parameters": {"Bucket": "b"}}},
            "These fields are required: [Resource] at /States/M/ResultWriter",
        ),
        (
            {"ToleratedFailurePercentage": 100.5},
            "Value must be between 0 and 100 at /States/M/ToleratedFailurePercentage",
        ),
    ],
)
def test_what_is_wrong_says_where(fields: dict[str, Any], problem: str) -> None:
    assert problem in refused(**fields)
