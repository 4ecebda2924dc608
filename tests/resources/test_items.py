"""Items and results of map runs, read from and written to a fake S3."""

import gzip
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from stepwell.errors import StatesError
from stepwell.resources.items import read
from stepwell.resources.results import gather, write
from stepwell.resources.services import Services

GET, LIST = "arn:aws:states:::s3:getObject", "arn:aws:states:::s3:listObjectsV2"
RUN = "arn:aws:states:us-east-1:123456789012:mapRun:m/Rows:0e1f"


@pytest.fixture
def call(aws: str) -> Services:
    return Services()


@pytest.fixture
def bucket(call: Services) -> str:
    name = f"b-{uuid4()}"
    call("s3", "CreateBucket", {"Bucket": name, "CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}})
    return name


@pytest.fixture
def put(call: Services, bucket: str) -> Callable[[str, str | bytes], None]:
    def put(key: str, body: str | bytes) -> None:
        data = body.encode() if isinstance(body, str) else body
        call("s3", "putObject", {"Bucket": bucket, "Key": key, "Body": data})

    return put


@pytest.fixture
def items(call: Services, bucket: str) -> Callable[..., list[Any]]:
    """The items of an object, by its key and the reader's options."""

    def items(key: str = "k", **options: Any) -> list[Any]:
        return list(read(GET, {"Bucket": bucket, "Key": key}, options, call))

    return items


def fault(work: Callable[[], Any]) -> str:
    with pytest.raises(StatesError) as error:
        work()
    assert error.value.name == "States.ItemReaderFailed"
    return error.value.cause or ""


@pytest.mark.proves("Map.ItemReader ReaderConfig.InputType ReaderConfig.CSVHeaderLocation")
def test_rows_of_csv_have_the_columns_of_its_first_row(put: Any, items: Any) -> None:
    """What a row has more is dropped, what it has less is empty; a blank line is no row (recorded 2023-09-21)."""
    put("k", '\ufeffa,b\n1,2\n"x, ""y""",\n3,4,5\n6\n\n  \n')
    rows = items(InputType="CSV", CSVHeaderLocation="FIRST_ROW")
    assert [tuple(row.values()) for row in rows] == [("1", "2"), ('x, "y"', ""), ("3", "4"), ("6", ""), ("  ", "")]
    assert all(list(row) == ["a", "b"] for row in rows)


@pytest.mark.proves("ReaderConfig.CSVHeaders ReaderConfig.CSVDelimiter")
def test_headers_may_be_given_and_a_delimiter_chosen(put: Any, items: Any) -> None:
    for delimiter, character in (("TAB", "\t"), ("PIPE", "|"), ("SEMICOLON", ";"), ("SPACE", " ")):
        put("k", f"1{character}2\n")
        rows = items(InputType="CSV", CSVHeaderLocation="GIVEN", CSVHeaders=["x", "y"], CSVDelimiter=delimiter)
        assert rows == [{"x": "1", "y": "2"}]


@pytest.mark.proves("ReaderConfig.ItemsPointer States.ItemReaderFailed")
def test_json_is_an_array_or_has_one(put: Any, items: Any) -> None:
    put("k", '{"of": {"a/b": [1, {"x": null}]}}')
    assert items(InputType="JSON", ItemsPointer="/of/a~1b") == [1, {"x": None}]
    for wrong in ("", "/of", "/none"):
        cause = fault(lambda: items(InputType="JSON", ItemsPointer=wrong))  # noqa: B023
        assert cause == "Attempting to map over non-iterable node."
    put("k", '[{"a": 1}, [2]]')
    assert items(InputType="JSON", ItemsPointer="/1") == [2]
    for wrong in ("/7", "/a", "/0/a"):
        cause = fault(lambda: items(InputType="JSON", ItemsPointer=wrong))  # noqa: B023
        assert cause == "Attempting to map over non-iterable node."


def test_json_lines_are_read_one_by_one_also_compressed(put: Any, items: Any) -> None:
    text = '{"a": 1}\n\n[2]\n"é"'
    put("k", text)
    put("k.gz", gzip.compress(text.encode()))
    assert items(InputType="JSONL") == items("k.gz", InputType="JSONL") == [{"a": 1}, [2], "é"]


def test_no_more_items_are_read_than_wanted(put: Any, items: Any) -> None:
    put("k", "[1,2,3]")
    assert items(MaxItems=2) == [1, 2]
    assert items(MaxItems=0) == items(MaxItems=100_000_001) == items() == [1, 2, 3]
    assert fault(lambda: items(MaxItems=-1)) == "field MaxItems must be positive"


def test_what_cannot_be_read_is_told(put: Any, items: Any, call: Services) -> None:
    put("k", "a,a\n1,2\n")
    assert fault(lambda: items(InputType="CSV")) == "CSV headers cannot contain duplicates."
    put("k", "a,b\n")
    assert fault(lambda: items(InputType="CSV")) == "The CSV file contains only CSV headers."
    put("k", "[1,")
    assert fault(lambda: items(InputType="JSON")).startswith("The item source cannot be read as JSON: ")
    put("k.gz", "[1]")
    assert fault(lambda: items("k.gz", InputType="JSON")).startswith("The item source cannot be read as JSON: ")
    assert fault(lambda: items("none")).startswith(
        "The specified key does not exist. (Service: Amazon S3; Status Code: 404; Error Code: NoSuchKey; Request ID: "
    )
    assert "NoSuchBucket" in fault(lambda: list(read(LIST, {"Bucket": f"none-{uuid4()}"}, {}, call)))


@pytest.mark.proves("ReaderConfig.Transformation")
def test_a_list_of_objects_tells_of_each_or_reads_each(put: Any, call: Services, bucket: str) -> None:
    for n in range(3):
        put(f"in/{n}.json", f"[{n}]")
    put("other", "[9]")
    arguments = {"Bucket": bucket, "Prefix": "in/", "MaxKeys": 2}  # two pages
    found = list(read(LIST, arguments, {}, call))
    assert [each["Key"] for each in found] == ["in/0.json", "in/1.json", "in/2.json"]
    assert list(found[0]) == ["Etag", "Key", "LastModified", "Size", "StorageClass"]
    assert (found[0]["Size"], found[0]["StorageClass"], type(found[0]["LastModified"])) == (3, "STANDARD", int)
    within = {"Transformation": "LOAD_AND_FLATTEN", "InputType": "JSON"}
    assert list(read(LIST, arguments, within, call)) == [0, 1, 2]


@pytest.mark.parametrize(
    "manifest",
    [[1], 5, {"fileFormat": "CSV"}, {"fileFormat": "CSV", "fileSchema": "K", "destinationBucket": "b", "files": [{}]}],
)
def test_a_manifest_of_another_form_is_a_fault_of_the_source(put: Any, items: Any, manifest: Any) -> None:
    put("k", json.dumps(manifest))
    told = fault(lambda: items(InputType="MANIFEST", ManifestType="S3_INVENTORY"))
    assert told.startswith("The item source cannot be read as MANIFEST")


@pytest.mark.proves("ReaderConfig.ManifestType")
def test_an_inventory_and_a_manifest_lead_to_their_files(put: Any, items: Any, bucket: str) -> None:
    put("data.csv.gz", gzip.compress(b'"src","a%20b.txt","12"\n'))
    manifest = {
        "destinationBucket": f"arn:aws:s3:::{bucket}",
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, Size",
        "files": [{"key": "data.csv.gz"}],
    }
    put("manifest.json", json.dumps(manifest))
    assert items("manifest.json", InputType="MANIFEST") == [{"Bucket": "src", "Key": "a%20b.txt", "Size": "12"}]
    put("orc.json", json.dumps(manifest | {"fileFormat": "ORC"}))
    assert "must be CSV, not ORC" in fault(lambda: items("orc.json", InputType="MANIFEST"))
    put("part", '{"a": 1}\n')
    put("athena", f"s3://{bucket}/part\ns3://{bucket}/part\n")
    assert items("athena", ManifestType="ATHENA_DATA", InputType="JSONL") == [{"a": 1}] * 2


def record(status: str, output: Any = None) -> dict[str, Any]:
    return {"Status": status, "Name": "n"} | ({} if output is None else {"Output": json.dumps(output)})


RECORDS = [record("SUCCEEDED", [1, 2]), record("FAILED"), record("SUCCEEDED", {"a": 1}), record("PENDING")]


@pytest.mark.proves("WriterConfig.Transformation")
def test_a_result_is_the_childrens_outputs_flat_or_with_all_that_is_known() -> None:
    """What has not succeeded is told as a whole in any case."""
    bad, last = RECORDS[1], RECORDS[3]
    assert json.loads(gather(RECORDS, {})) == [[1, 2], bad, {"a": 1}, last]
    assert json.loads(gather(RECORDS, {"Transformation": "FLATTEN"})) == [1, 2, bad, {"a": 1}, last]
    assert json.loads(gather(RECORDS, {"Transformation": "NONE"})) == RECORDS


def body(call: Services, bucket: str, key: str) -> str:
    text: bytes = call("s3", "getObject", {"Bucket": bucket, "Key": key})["Body"].read()
    return text.decode()


def test_results_are_written_by_outcome_with_a_manifest_of_them(call: Services, bucket: str) -> None:
    told = write({"Bucket": bucket, "Prefix": "jobs/"}, {}, RUN, RECORDS, call)
    assert told == {"MapRunArn": RUN, "ResultWriterDetails": {"Bucket": bucket, "Key": "jobs/0e1f/manifest.json"}}
    manifest = json.loads(body(call, bucket, "jobs/0e1f/manifest.json"))
    assert (manifest["DestinationBucket"], manifest["MapRunArn"]) == (bucket, RUN)
    for kind, records in (("SUCCEEDED", RECORDS[::2]), ("FAILED", RECORDS[1:2]), ("PENDING", RECORDS[3:])):
        [file] = manifest["ResultFiles"][kind]
        text = body(call, bucket, file["Key"])
        assert (file["Key"], file["Size"]) == (f"jobs/0e1f/{kind}_0.json", len(text))
        assert json.loads(text) == records


@pytest.mark.proves("WriterConfig.OutputType")
def test_results_may_be_lines(call: Services, bucket: str) -> None:
    write({"Bucket": bucket}, {"OutputType": "JSONL", "Transformation": "COMPACT"}, RUN, RECORDS[::2], call)
    assert body(call, bucket, "0e1f/SUCCEEDED_0.jsonl") == '[1, 2]\n{"a": 1}'


@pytest.mark.proves("States.ResultWriterFailed")
def test_a_bucket_that_refuses_results_fails_the_run(call: Services) -> None:
    with pytest.raises(StatesError) as error:
        write({"Bucket": f"none-{uuid4()}"}, {}, RUN, RECORDS, call)
    assert error.value.name == "States.ResultWriterFailed"
    assert "Error Code: NoSuchBucket" in (error.value.cause or "")


@pytest.mark.parametrize("arguments", [{}, {"Bucket": 5}, {"Bucket": None}])
def test_results_go_to_a_bucket_that_has_a_name(call: Services, arguments: Any) -> None:
    with pytest.raises(StatesError) as error:
        write(arguments, {}, RUN, RECORDS, call)
    assert error.value.name == "States.ResultWriterFailed"
