"""ResultWriter: what a map run's children have come to, as the state's result or as files in S3, in AWS's layout."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from stepwell.errors import ServiceError, StatesError
from stepwell.resources.integrations import dumps
from stepwell.resources.items import refusal
from stepwell.resources.services import Call

Record = dict[str, Any]  # a child, as AWS writes it into a result file

LARGEST = 262_144  # bytes of a state's result
FILE = 64_000_000  # bytes after which a result file is followed by another
_FILES = {"SUCCEEDED": "SUCCEEDED", "PENDING": "PENDING"}  # all others: FAILED


def gather(records: Iterable[Record], options: dict[str, Any]) -> str:
    """The state's result, a JSON array; it is not looked at beyond what may be one."""
    texts, size = [], 0
    for text in _texts(records, options.get("Transformation", "COMPACT")):
        texts.append(text)
        size += len(text)
        if size > LARGEST:
            break
    return f"[{','.join(texts)}]"


def _texts(records: Iterable[Record], transformation: str) -> Iterator[str]:
    """A child that has not succeeded is always told as a whole."""
    for record in records:
        if transformation == "NONE" or record["Status"] != "SUCCEEDED":
            yield dumps(record)
        elif transformation == "FLATTEN" and record["Output"].startswith("["):
            yield from map(dumps, json.loads(record["Output"]))
        else:
            yield record["Output"]


def write(
    arguments: dict[str, Any], options: dict[str, Any], run: str, records: Iterable[Record], call: Call
) -> dict[str, Any]:
    """One file or more for each outcome, and a manifest of them; the state's result says where that is."""
    bucket, prefix = arguments.get("Bucket"), str(arguments.get("Prefix", "")).rstrip("/")
    if not isinstance(bucket, str):
        raise StatesError("States.ResultWriterFailed", "The Bucket of the ResultWriter must be a string.")
    folder = f"{prefix}/{run.rpartition(':')[2]}".lstrip("/")
    files = _Files(bucket, folder, options.get("OutputType", "JSON"), call)
    try:
        for record in records:
            for text in _texts([record], options.get("Transformation", "NONE")):
                files.add(_FILES.get(record["Status"], "FAILED"), text)
        manifest = {"DestinationBucket": bucket, "MapRunArn": run, "ResultFiles": files.close()}
        key = files.put("manifest.json", dumps(manifest))["Key"]
    except ServiceError as error:
        raise StatesError("States.ResultWriterFailed", refusal(error)) from None
    return {"MapRunArn": run, "ResultWriterDetails": {"Bucket": bucket, "Key": key}}


class _Files:
    def __init__(self, bucket: str, folder: str, type_: str, call: Call) -> None:
        self._bucket, self._folder, self._lines, self._call = bucket, folder, type_ == "JSONL", call
        self._open: dict[str, list[str]] = {}
        self._sizes: dict[str, int] = {}
        self._written: dict[str, list[Record]] = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}

    def add(self, kind: str, text: str) -> None:
        self._open.setdefault(kind, []).append(text)
        self._sizes[kind] = self._sizes.get(kind, 0) + len(text)
        if self._sizes[kind] > FILE:
            self._flush(kind)

    def close(self) -> dict[str, list[Record]]:
        for kind in list(self._open):
            self._flush(kind)
        return self._written

    def _flush(self, kind: str) -> None:
        texts, self._sizes[kind] = self._open.pop(kind), 0
        body = "\n".join(texts) if self._lines else f"[{','.join(texts)}]"
        number, ending = len(self._written[kind]), "jsonl" if self._lines else "json"
        self._written[kind].append(self.put(f"{kind}_{number}.{ending}", body))

    def put(self, name: str, text: str) -> Record:
        key, body = f"{self._folder}/{name}", text.encode()
        self._call("s3", "putObject", {"Bucket": self._bucket, "Key": key, "Body": body})
        return {"Key": key, "Size": len(body)}
