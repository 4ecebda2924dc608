"""`replay`: a task, or one chunk of it, done once more in a transaction that is rolled back."""

import time
from collections.abc import Callable
from typing import Any

from stepwell.errors import ConfigurationError
from stepwell.etl.connection import TaskConnection, lease
from stepwell.etl.fence import explained, must_be_in, set_limits, transaction_of
from stepwell.etl.ledger import Lot, described
from stepwell.etl.plan import find_table, make_plan
from stepwell.pipeline.chunked import frozen, work_of
from stepwell.pipeline.context import TaskContext
from stepwell.pipeline.task import PythonTask, SqlTask, Task

Work = Callable[[TaskConnection, int], dict[str, Any]]


def replayed(
    task: Task, number: int | None, url: str, application: str, context: TaskContext, work: Work
) -> dict[str, Any]:
    """What the task answers; nothing of it stays. `number`: only this chunk, as it is planned on the data that is here.

    No fence is asked and no receipt is read or stored: it is done also where the run has committed it.
    """
    if not task.transaction:
        raise ConfigurationError(f"task {task.name!r} has transaction=False: what it commits could not be rolled back")
    with lease(url, application) as connection, explained():
        doing = work if number is None else _of_chunk(task, number, connection, context)
        connection.deadline = time.monotonic() + context.remaining()
        set_limits(connection)
        connection.guarded = True
        transaction = transaction_of(connection)
        try:
            receipt = doing(connection, context.attempt)
            must_be_in(connection, transaction)
        finally:
            connection.end(commit=False)
    return receipt | {"rolled_back": True}


def _of_chunk(task: Task, number: int, connection: TaskConnection, context: TaskContext) -> Work:
    if not isinstance(task, SqlTask | PythonTask) or task.chunks is None:
        raise ConfigurationError(f"task {task.name!r} is not done in chunks: replay it without --chunk")
    chunks = task.chunks
    plan = make_plan(connection, find_table(connection, chunks.table, chunks.by), chunks.rows)
    found = [chunk for chunk in plan.chunks if chunk.number == number]
    if not found:
        raise ConfigurationError(
            f"task {task.name!r} has {len(plan.chunks)} chunks on the data here, and none is {number}"
        )
    do = work_of(task, frozen(task, chunks, connection, plan, context.params), context.params, context)
    connection.end(commit=False)
    lot = Lot((found[0],), alone=True, attempts=1)

    def work(connection: TaskConnection, _attempt: int) -> dict[str, Any]:
        print(f"replaying {described(found[0])}")
        return {"task": task.name, "chunk": number, "rows": do(connection, lot)}

    return work
