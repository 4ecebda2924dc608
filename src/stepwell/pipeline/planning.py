"""`plan` for a pipeline's task: how its table would be cut and what PostgreSQL says to that; nothing is run or kept."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import psycopg

from stepwell.etl.connection import TaskConnection, lease
from stepwell.etl.fence import Key as Fence
from stepwell.etl.fence import explained, set_limits
from stepwell.etl.ledger import described
from stepwell.etl.plan import Chunk, Plan, Table, find_table, make_plan
from stepwell.etl.ranges import predicate, quoted
from stepwell.pipeline.chunked import InChunks, frozen
from stepwell.pipeline.chunks import Chunks
from stepwell.pipeline.context import TaskContext
from stepwell.pipeline.task import LoadTask, SqlTask

_LARGEST = 5  # keys that are told
Freeze = Callable[..., dict[str, Any]]  # (connection, plan, tell)


def shown(task: InChunks, chunks: Chunks, url: str, application: str, context: TaskContext) -> dict[str, Any]:
    """The plan as it would be made now, with its balance, its largest keys, and EXPLAIN of three chunks.

    Raises NotChunkSafe and ConfigurationError as planning itself does.
    """
    with lease(url, application) as connection, explained():
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        try:
            connection.deadline = time.monotonic() + context.remaining()
            set_limits(connection)
            return _shown(task, chunks, connection, context)
        finally:
            if not connection.closed:
                connection.end(commit=False)
                connection.isolation_level = None


def _shown(task: InChunks, chunks: Chunks, connection: TaskConnection, context: TaskContext) -> dict[str, Any]:
    if not isinstance(task, LoadTask):
        freeze: Freeze = partial(frozen, task, chunks, params=context.params)
        return _cut(task, chunks, connection, connection, find_table, freeze, context)
    load = task.in_chunks(Fence(context.pipeline, task.name, context.window), context.run, context.params)
    with load.at(connection) as there:
        return _cut(task, chunks, connection, there, load.find, load.freeze, context)


def _cut(
    task: InChunks,
    chunks: Chunks,
    connection: TaskConnection,
    there: TaskConnection,
    find: Callable[[TaskConnection, str, Sequence[str]], Table],
    freeze: Freeze,
    context: TaskContext,
) -> dict[str, Any]:
    """`there` is the table that is cut; `connection` is to the database that the task writes to."""
    table = find(there, chunks.table, chunks.by)
    begun = time.perf_counter()
    plan = make_plan(there, table, chunks.rows)
    seconds = time.perf_counter() - begun
    told: list[str] = []
    document = freeze(connection, plan, tell=told.append)
    bounded = plan.bounded
    three = dict.fromkeys(bounded[at] for at in (0, len(bounded) // 2, -1))
    return {
        "task": task.name,
        "table": table.name,
        "by": list(chunks.by),
        "index": table.by_index,
        "advice": next(iter(table.advice()), None),
        "wanted": chunks.rows,
        "lanes": min(chunks.parallel, len(plan.chunks)),
        "chunks": len(plan.chunks),
        "rows": plan.rows,
        "seconds": round(seconds, 3),
        "balance": _balance(plan),
        "oversized": [described(plan.chunks[number - 1]) for number in plan.oversized],
        "largest_keys": _largest_keys(there, table),
        "findings": told,
        "explained": [_explained(task, document, there, table, chunk, context.params) for chunk in three],
    }


def _balance(plan: Plan) -> dict[str, int]:
    """Rows of the chunks of several keys: the smallest, the 1st and 99th percentile, the largest."""
    apart = set(plan.oversized)
    sizes = sorted(chunk.rows for chunk in plan.bounded if chunk.number not in apart) or [0]
    last = len(sizes) - 1
    return {"min": sizes[0], "p1": sizes[last // 100], "p99": sizes[last * 99 // 100], "max": sizes[-1]}


def _largest_keys(connection: TaskConnection, table: Table) -> list[dict[str, Any]]:
    names = ", ".join(map(quoted, table.key.columns))
    texts = ", ".join(f"{quoted(name)}::text" for name in table.key.columns)
    inner = f"select {names}, count(*) from {table.name} group by {names} order by count(*) desc limit {_LARGEST}"
    rows = connection.execute(f'select {texts}, "#n" from ({inner}) largest ({names}, "#n")')
    return [{"key": list(row[:-1]), "rows": row[-1]} for row in rows]


def _explained(
    task: InChunks,
    document: dict[str, Any],
    connection: TaskConnection,
    table: Table,
    chunk: Chunk,
    params: dict[str, Any],
) -> dict[str, Any]:
    """What PostgreSQL expects of a chunk, and how it would run the task's statements on it."""
    condition, values = predicate(chunk.range, table.key, "", 1)
    query = f"explain (format json) select from {table.name} where {condition}"
    row = psycopg.RawCursor(connection).execute(query, values).fetchone()
    estimated = row[0][0]["Plan"]["Plan Rows"] if row else 0
    plans = [] if not isinstance(task, SqlTask) else _plans(document, connection, chunk, params)
    return {"chunk": described(chunk), "planned": chunk.rows, "estimated": estimated, "plans": plans}


def _plans(
    document: dict[str, Any], connection: TaskConnection, chunk: Chunk, params: dict[str, Any]
) -> list[dict[str, Any]]:
    from stepwell.etl.narrow import Narrowed
    from stepwell.etl.narrow.acceptance import make_empty
    from stepwell.etl.run import literals

    told = []
    with connection.transaction(force_rollback=True):
        for statement in Narrowed.from_json(document).statements:
            given = literals([params[name] for name in statement.names])
            if statement.driving:
                text, bounds = statement.render(chunk.range)
                lines = psycopg.RawCursor(connection).execute(f"explain {text}", [*given, *bounds])
                told.append({"line": statement.line, "plan": [line for (line,) in lines]})
            if statement.makes:
                psycopg.RawCursor(connection).execute(make_empty(statement), given)
    return told
