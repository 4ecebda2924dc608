"""Progress in a DynamoDB table, which functions write and whoever watches reads.

A chunk is written by a conditional PutItem of its own: BatchWriteItem knows no condition, and in a transaction one
stale chunk would cancel the other 99, at twice the price. So a batch is sent by a few threads. No counter is kept in
the summary's item, since an ADD is lost with a batch and doubled by a retry: counts come from the chunks' items.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

from stepwell.errors import ConfigurationError, ProgressUnavailable
from stepwell.progress import items
from stepwell.progress.contract import RUNNING, ChunkState, Summary, milliseconds, tally
from stepwell.progress.mirrored import mirrored
from stepwell.progress.pool import for_each

DAYS = 90  # until DynamoDB deletes what was written
_THREADS = 4
_BATCH = 25  # items that BatchWriteItem takes
_ATTEMPTS = 4  # of a request that is throttled: botocore waits longer each time, with jitter


def from_url(url: str) -> "DynamoProgress":
    """`dynamodb://TABLE?region=…&endpoint=…&days=…&profile=…`; ConfigurationError says what is wrong in it."""
    from urllib.parse import parse_qsl

    name, _, query = url.removeprefix("dynamodb://").partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    unknown = options.keys() - {"region", "endpoint", "days", "profile"}
    if not name or unknown:
        what = f"it has the unknown option {min(unknown)!r}" if unknown else "it names no table"
        raise ConfigurationError(f"{url!r}: {what}; the form is dynamodb://TABLE?region=…&endpoint=…&days=…")
    days = options.get("days", str(DAYS))
    if not days.isdecimal() or not int(days):
        raise ConfigurationError(f"{url!r}: days is a whole number above 0, not {days!r}")
    return DynamoProgress(name, options.get("region"), options.get("endpoint"), int(days), options.get("profile"))


class DynamoProgress:
    """The table `name`. The client is made when it is first used, and may be shared by threads."""

    def __init__(
        self,
        name: str,
        region: str | None = None,
        endpoint: str | None = None,
        days: int = DAYS,
        profile: str | None = None,
    ) -> None:
        self.name = name
        self._region = region
        self._endpoint = endpoint
        self._days = days
        self._profile = profile
        self._lock = Lock()
        self._made: Any = None

    @mirrored
    def plan(self, summary: Summary) -> None:
        client = self._client()
        values = {
            ":started": {"N": str(milliseconds(summary.started_at))},
            ":updated": {"N": str(milliseconds(summary.updated_at))},
        }
        item = items.summary_item(summary._replace(done=0, failed=0, rows=0), self._expiry())
        try:
            client.put_item(
                TableName=self.name,
                Item=item,
                ConditionExpression=items.NOT_OLDER,
                ExpressionAttributeValues=values,
            )
        except client.exceptions.ConditionalCheckFailedException:
            return
        older = [
            found
            for found in self._chunk_items(summary.pipeline, summary.run, summary.task)
            if int(found["finished_at"]["N"]) < milliseconds(summary.started_at)
        ]
        self._write_batches([_deletion(found) for found in older])

    @mirrored
    def record(self, states: Sequence[ChunkState]) -> None:
        newest: dict[tuple[str, str, str, int], ChunkState] = {}
        for state in states:
            key = (state.pipeline, state.run, state.task, state.chunk)
            if key not in newest or newest[key].version < state.version:
                newest[key] = state
        for_each(self._put, newest.values(), _THREADS)

    @mirrored
    def rebuild(self, summary: Summary, states: Sequence[ChunkState]) -> None:
        expires = self._expiry()
        wanted = {item["sk"]["S"]: item for item in (items.chunk_item(state, expires) for state in states)}
        there = {
            item["sk"]["S"]: item
            for item in self._chunk_items(summary.pipeline, summary.run, summary.task, consistent=True)
        }
        requests = [_deletion(item) for sort, item in there.items() if sort not in wanted]
        for sort, item in wanted.items():
            if sort not in there or not items.same(item, there[sort]):
                requests.append({"PutRequest": {"Item": item}})
        self._write_batches(requests)
        self._client().put_item(TableName=self.name, Item=items.summary_item(tally(summary, states), expires))

    def summary(self, pipeline: str, run: str, task: str) -> Summary | None:
        with self._reading() as client:
            key = items.summary_key(pipeline, run, task)
            item = client.get_item(TableName=self.name, Key=key).get("Item")
        return None if item is None else tally(items.summary_of(item), self.chunks(pipeline, run, task))

    def summaries(self, pipeline: str | None = None, run: str | None = None) -> list[Summary]:
        """The chunks are read only where a task is running, or where the run is named: a long list stays cheap."""
        with self._reading():
            found = [items.summary_of(item) for item in self._summary_items(pipeline, run)]
        counted = [s if run is None and s.state != RUNNING else self._counted(s) for s in found]
        return sorted(counted, key=lambda s: (-s.started_at, s.pipeline, s.run, s.task))

    def chunks(self, pipeline: str, run: str, task: str) -> list[ChunkState]:
        with self._reading():
            return [items.chunk_of(item) for item in self._chunk_items(pipeline, run, task)]

    def create_table(self) -> None:
        """Make the table, with its index and time to live, and wait until it can be used."""
        client = self._client()
        client.create_table(**items.table(self.name))
        client.get_waiter("table_exists").wait(TableName=self.name, WaiterConfig={"Delay": 1})
        ttl = {"Enabled": True, "AttributeName": items.TTL}
        client.update_time_to_live(TableName=self.name, TimeToLiveSpecification=ttl)

    def close(self) -> None:
        with self._lock:
            if self._made is not None:
                self._made.close()
                self._made = None

    def _put(self, state: ChunkState) -> None:
        item = items.chunk_item(state, self._expiry())
        client = self._client()
        try:
            client.put_item(
                TableName=self.name,
                Item=item,
                ConditionExpression=items.NEWER,
                ExpressionAttributeValues={":attempts": item["attempts"], ":finished_at": item["finished_at"]},
            )
        except client.exceptions.ConditionalCheckFailedException:
            return  # what is there is as new, or newer

    def _write_batches(self, requests: Sequence[dict[str, Any]]) -> None:
        """Unconditional writes: of what the ledger says, and of deletions."""
        batches = [requests[at : at + _BATCH] for at in range(0, len(requests), _BATCH)]
        for_each(self._write_batch, batches, _THREADS)

    def _write_batch(self, requests: Sequence[dict[str, Any]]) -> None:
        left: Any = {self.name: list(requests)}
        for attempt in range(_ATTEMPTS):
            left = self._client().batch_write_item(RequestItems=left).get("UnprocessedItems")
            if not left:
                return
            time.sleep(0.1 * 2**attempt)
        raise ProgressUnavailable(f"DynamoDB did not take {len(left[self.name])} items of {self.name}")

    def _counted(self, summary: Summary) -> Summary:
        return tally(summary, self.chunks(summary.pipeline, summary.run, summary.task))

    def _summary_items(self, pipeline: str | None, run: str | None) -> Iterator[items.Item]:
        if pipeline is not None and run is not None:
            values = {":pk": items.partition(pipeline, run), ":sk": {"S": "SUMMARY#"}}
            return self._pages("query", "pk = :pk AND begins_with(sk, :sk)", values)
        if pipeline is not None:
            return self._pages("query", "summary_of = :pk", {":pk": {"S": pipeline}}, IndexName=items.INDEX)
        everything = self._pages("scan", None, {}, IndexName=items.INDEX)
        return (item for item in everything if run is None or item["run"]["S"] == run)

    def _chunk_items(self, pipeline: str, run: str, task: str, consistent: bool = False) -> Iterator[items.Item]:
        values = {":pk": items.partition(pipeline, run), ":sk": items.chunks_prefix(task)}
        condition = "pk = :pk AND begins_with(sk, :sk)"
        return self._pages("query", condition, values, ConsistentRead=consistent)

    def _pages(self, operation: str, condition: str | None, values: items.Item, **options: Any) -> Iterator[items.Item]:
        if condition is not None:
            options |= {"KeyConditionExpression": condition, "ExpressionAttributeValues": values}
        for page in self._client().get_paginator(operation).paginate(TableName=self.name, **options):
            yield from page["Items"]

    def _expiry(self) -> int:
        return int(time.time()) + self._days * 86_400

    @contextmanager
    def _reading(self) -> Iterator[Any]:
        """Whatever the client raises becomes one clear error."""
        try:
            yield self._client()
        except (ConfigurationError, ProgressUnavailable):
            raise
        except Exception as error:
            text = f"the DynamoDB table {self.name} cannot be read: {type(error).__name__}: {error}"
            raise ProgressUnavailable(text) from None

    def _client(self) -> Any:
        with self._lock:
            if self._made is None:
                self._made = _client(self._region, self._endpoint, self._profile)
            return self._made


def _deletion(item: items.Item) -> dict[str, Any]:
    return {"DeleteRequest": {"Key": items.key_of(item)}}


def _client(region: str | None, endpoint: str | None, profile: str | None) -> Any:
    """Short waits: whoever writes must not wait for a mirror, and the next batch tries again."""
    try:
        from boto3.session import Session
        from botocore.config import Config
    except ImportError:
        raise ConfigurationError("progress in DynamoDB needs boto3: pip install boto3") from None
    config = Config(
        connect_timeout=2,
        read_timeout=3,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        max_pool_connections=_THREADS,
    )
    return Session(profile_name=profile).client("dynamodb", region_name=region, endpoint_url=endpoint, config=config)
