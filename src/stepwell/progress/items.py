"""The shape of progress in DynamoDB: the table, its keys, and how summaries and chunks become items.

pk `PIPELINE#nightly#RUN#20260301`, sk `SUMMARY#task_02` or `CHUNK#task_02#00000017`: one query has a task's chunks in
order, or a whole run. The index `summaries` holds summaries alone, since no other item has `summary_of`. All times are
milliseconds since 1970, except `expires_at`, which DynamoDB wants in seconds.
"""

from typing import Any

from stepwell.progress.contract import ChunkState, Summary, milliseconds

Item = dict[str, dict[str, str]]

TTL = "expires_at"
INDEX = "summaries"

# A chunk's item is written if it is not there, or there in an older version.
NEWER = "attribute_not_exists(pk) OR attempts < :attempts OR (attempts = :attempts AND finished_at < :finished_at)"
# A plan is written unless it is older than the one that is there.
NOT_OLDER = "attribute_not_exists(pk) OR started_at < :started OR (started_at = :started AND updated_at <= :updated)"


def table(name: str) -> dict[str, Any]:
    """The request of CreateTable; time to live on `expires_at` is set apart."""
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
            {"AttributeName": "summary_of", "AttributeType": "S"},
            {"AttributeName": "started_at", "AttributeType": "N"},
        ],
        "KeySchema": _keys("pk", "sk"),
        "GlobalSecondaryIndexes": [
            {
                "IndexName": INDEX,
                "KeySchema": _keys("summary_of", "started_at"),
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    }


def _keys(partition: str, sort: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        {"AttributeName": sort, "KeyType": "RANGE"},
    ]


def partition(pipeline: str, run: str) -> dict[str, str]:
    return {"S": f"PIPELINE#{pipeline}#RUN#{run}"}


def summary_key(pipeline: str, run: str, task: str) -> Item:
    return {"pk": partition(pipeline, run), "sk": {"S": f"SUMMARY#{task}"}}


def chunks_prefix(task: str) -> dict[str, str]:
    return {"S": f"CHUNK#{task}#"}


def key_of(item: Item) -> Item:
    return {"pk": item["pk"], "sk": item["sk"]}


def summary_item(summary: Summary, expires: int) -> Item:
    """Its counts are those of the moment; only a list of runs that are over believes them."""
    return {
        **summary_key(summary.pipeline, summary.run, summary.task),
        "summary_of": {"S": summary.pipeline},
        "run": {"S": summary.run},
        "task": {"S": summary.task},
        "state": {"S": summary.state},
        "chunks": _number(summary.chunks),
        "done": _number(summary.done),
        "failed": _number(summary.failed),
        "rows": _number(summary.rows),
        "rows_planned": _number(summary.rows_planned),
        "lanes": _number(summary.lanes),
        "started_at": _number(milliseconds(summary.started_at)),
        "updated_at": _number(milliseconds(summary.updated_at)),
        TTL: _number(expires),
    }


def summary_of(item: Item) -> Summary:
    return Summary(
        pipeline=item["summary_of"]["S"],
        run=item["run"]["S"],
        task=item["task"]["S"],
        chunks=_int(item, "chunks"),
        done=_int(item, "done"),
        failed=_int(item, "failed"),
        rows=_int(item, "rows"),
        rows_planned=_int(item, "rows_planned"),
        started_at=_int(item, "started_at") / 1000,
        updated_at=_int(item, "updated_at") / 1000,
        lanes=_int(item, "lanes"),
        state=item["state"]["S"],
    )


def chunk_item(state: ChunkState, expires: int) -> Item:
    item = {
        "pk": partition(state.pipeline, state.run),
        "sk": {"S": f"CHUNK#{state.task}#{state.chunk:08d}"},
        "pipeline": {"S": state.pipeline},
        "run": {"S": state.run},
        "task": {"S": state.task},
        "chunk": _number(state.chunk),
        "state": {"S": state.state},
        "rows": _number(state.rows),
        "ms": _number(state.ms),
        "attempts": _number(state.attempts),
        "finished_at": _number(milliseconds(state.finished_at)),
        TTL: _number(expires),
    }
    if state.lane is not None:
        item["lane"] = _number(state.lane)
    if state.error is not None:
        item["error"] = {"S": state.error}
    return item


def chunk_of(item: Item) -> ChunkState:
    finished = _int(item, "finished_at")
    return ChunkState(
        run=item["run"]["S"],
        pipeline=item["pipeline"]["S"],
        task=item["task"]["S"],
        chunk=_int(item, "chunk"),
        state=item["state"]["S"],
        rows=_int(item, "rows"),
        ms=_int(item, "ms"),
        attempts=_int(item, "attempts"),
        lane=_int(item, "lane") if "lane" in item else None,
        error=item["error"]["S"] if "error" in item else None,
        finished_at=finished / 1000 if finished else None,
    )


def same(one: Item, other: Item) -> bool:
    """But for the day on which they expire."""
    return {**one, TTL: {}} == {**other, TTL: {}}


def _number(value: int) -> dict[str, str]:
    return {"N": str(value)}


def _int(item: Item, name: str) -> int:
    return int(item[name]["N"])
