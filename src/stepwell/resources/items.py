"""ItemReader: the items of a map run, read from S3 one by one: CSV, JSON, JSONL, an inventory, a list of objects.

Every fault is States.ItemReaderFailed, in AWS's words where they are known.
"""

import csv
import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from io import BytesIO
from itertools import chain, islice
from typing import Any

from stepwell.errors import ConfigurationError, ServiceError, StatesError
from stepwell.resources.services import Call

Lines = Iterable[str]
Options = dict[str, Any]

MOST = 100_000_000  # items
_DELIMITERS = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}


def read(resource: str, arguments: dict[str, Any], options: Options, call: Call) -> Iterator[Any]:
    """`options` are those of ReaderConfig, MaxItems evaluated: 0 means all."""
    most = options.get("MaxItems") or MOST
    if most < 0:
        raise failed("field MaxItems must be positive")
    bucket = _Bucket(call, arguments)
    try:
        items = _listed(bucket, options) if resource.endswith(":listObjectsV2") else _of_object(bucket, options)
        yield from islice(items, min(most, MOST))
    except ServiceError as error:
        raise failed(refusal(error)) from None
    except ConfigurationError as error:
        raise failed(error.message) from None
    except (AttributeError, LookupError, TypeError, csv.Error, EOFError, OSError, ValueError) as error:
        raise failed(f"The item source cannot be read as {options.get('InputType')}: {error}") from None


class _Text(BytesIO):
    """A text as S3 hands out a body."""

    def iter_lines(self, keepends: bool) -> Iterator[bytes]:
        return iter(self)


def read_text(resource: str, options: Options, text: str) -> list[Any]:
    """The items of a text that stands for the object, or for the list of objects, that would be read."""
    if resource.endswith(":listObjectsV2"):
        return list(_json([text], options))
    return list(read(resource, {}, options, lambda *_: {"Body": _Text(text.encode())}))


def failed(cause: str) -> StatesError:
    return StatesError("States.ItemReaderFailed", cause)


def refusal(error: ServiceError) -> str:
    """What S3 has refused, as Step Functions words it."""
    facts = f"Status Code: {error.http}; Error Code: {error.code}; Request ID: {error.request}"
    return f"{error.message} (Service: Amazon S3; {facts}; Proxy: null)"


class _Bucket:
    """S3, as the arguments of a reader name it."""

    def __init__(self, call: Call, arguments: dict[str, Any]) -> None:
        self._call, self.arguments = call, arguments

    def lines(self, key: str | None = None, bucket: str | None = None) -> Iterator[str]:
        """The text of an object, the arguments' own or another; one that is compressed is known by its name."""
        own = self.arguments
        arguments = own if key is None else {"Bucket": bucket or own["Bucket"], "Key": key}
        with closing(self._call("s3", "getObject", arguments)["Body"]) as body:
            packed = str(arguments.get("Key")).endswith(".gz")
            lines = gzip.GzipFile(fileobj=body) if packed else body.iter_lines(keepends=True)
            for at, line in enumerate(lines):
                yield line.decode("utf-8-sig" if at == 0 else "utf-8")

    def pages(self) -> Iterator[dict[str, Any]]:
        arguments = dict(self.arguments)
        while True:
            page = self._call("s3", "listObjectsV2", arguments)
            yield from page.get("Contents", ())
            if not page.get("IsTruncated"):
                return
            arguments["ContinuationToken"] = page["NextContinuationToken"]


def _listed(bucket: _Bucket, options: Options) -> Iterator[Any]:
    """What is known of each object, or, with LOAD_AND_FLATTEN, what is in it."""
    for found in bucket.pages():
        if options.get("Transformation") == "LOAD_AND_FLATTEN":
            yield from _FORMATS[options.get("InputType", "JSON")](bucket.lines(found["Key"]), options)
        else:
            yield {
                "Etag": found.get("ETag"),
                "Key": found["Key"],
                "LastModified": int(found["LastModified"].timestamp()),
                "Size": found.get("Size"),
                "StorageClass": found.get("StorageClass", "STANDARD"),
            }


def _of_object(bucket: _Bucket, options: Options) -> Iterator[Any]:
    type_ = options.get("InputType", "JSON")
    if options.get("ManifestType") == "ATHENA_DATA":
        for uri in filter(None, map(str.strip, bucket.lines())):
            name, _, key = uri.removeprefix("s3://").partition("/")
            yield from _FORMATS[type_](bucket.lines(key, name), options)
    elif type_ == "MANIFEST":
        yield from _inventory(bucket)
    else:
        yield from _FORMATS[type_](bucket.lines(), options)


def _inventory(bucket: _Bucket) -> Iterator[Any]:
    """S3 Inventory's manifest.json: the objects that its files list, with the columns that its schema names."""
    manifest = json.loads("".join(bucket.lines()))
    if manifest.get("fileFormat") != "CSV":
        raise failed(f"The inventory's file format must be CSV, not {manifest.get('fileFormat')}.")
    headers = [name.strip() for name in manifest["fileSchema"].split(",")]
    name = manifest["destinationBucket"].rpartition(":")[2]
    for file in manifest["files"]:
        yield from _csv(bucket.lines(file["key"], name), {"CSVHeaderLocation": "GIVEN", "CSVHeaders": headers})


def _json(lines: Lines, options: Options) -> Iterator[Any]:
    value = json.loads("".join(lines))
    for step in options.get("ItemsPointer", "").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        within = {str(at): item for at, item in enumerate(value)} if isinstance(value, list) else value
        value = within.get(name) if isinstance(within, dict) else None
    if not isinstance(value, list):
        raise failed("Attempting to map over non-iterable node.")
    yield from value


def _jsonl(lines: Lines, options: Options) -> Iterator[Any]:
    return (json.loads(line) for line in lines if line.strip())


def _csv(lines: Lines, options: Options) -> Iterator[Any]:
    """A row has the headers' columns: what it has more is dropped, what it has less is empty."""
    rows = csv.reader(lines, delimiter=_DELIMITERS[options.get("CSVDelimiter", "COMMA")])
    given = options.get("CSVHeaders") if options.get("CSVHeaderLocation") == "GIVEN" else None
    headers = given or next(rows, [])
    if len(set(headers)) < len(headers):
        raise failed("CSV headers cannot contain duplicates.")
    filled = (row for row in rows if row)
    first = next(filled, None)
    if first is None and headers:
        raise failed("The CSV file contains only CSV headers.")
    for row in chain([first] if first else [], filled):
        yield dict(zip(headers, chain(row, [""] * len(headers)), strict=False))


_FORMATS: dict[str, Callable[[Lines, Options], Iterator[Any]]] = {"CSV": _csv, "JSON": _json, "JSONL": _jsonl}
