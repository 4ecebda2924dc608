"""`prove` for a pipeline's task: what is run as a whole and in chunks, and what is told of it."""

from typing import Any

from stepwell.etl.connection import TaskConnection, lease
from stepwell.etl.ledger import Lot
from stepwell.etl.plan import Plan, find_table, make_plan
from stepwell.etl.proof.prove import Difference, Proof, prove
from stepwell.pipeline.chunked import frozen, work_of
from stepwell.pipeline.chunks import Chunk, Chunks
from stepwell.pipeline.context import TaskContext
from stepwell.pipeline.task import PythonTask, SqlTask


class Everything(Chunk):
    """What a Python task is given to work on all rows at once."""

    __slots__ = ()

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.params = {}

    def sql(self, alias: str = "") -> str:
        return "(true)"


def proven(
    task: SqlTask | PythonTask, chunks: Chunks, url: str, application: str, context: TaskContext
) -> dict[str, Any]:
    """Run the task on the data as a whole, in chunks and twice, compare, and undo it all.

    Raises NotChunkSafe for SQL that is refused before it is tried.
    """
    with lease(url, application) as connection:
        plan = make_plan(connection, find_table(connection, chunks.table, chunks.by), chunks.rows)
        document = frozen(task, chunks, connection, plan, context.params)
    work = work_of(task, document, context.params, context)
    lots = [Lot((chunk,), alone=True, attempts=1) for chunk in plan.chunks]

    def whole(connection: TaskConnection) -> None:
        if isinstance(task, PythonTask):
            task.work(connection, context, Everything(plan.rows))
            connection.as_made()
        else:
            task.work(connection, context)

    return _told(task.name, plan, prove(url, whole, work, lots))


def _told(task: str, plan: Plan, proof: Proof) -> dict[str, Any]:
    return {
        "task": task,
        "chunk_safe": proof.chunk_safe,
        "idempotent": proof.idempotent,
        "chunks": proof.chunks,
        "rows": plan.rows,
        "tables": proof.tables,
        "skipped": proof.skipped,
        "in_chunks": [_difference(each) for each in proof.in_chunks],
        "twice": [_difference(each) for each in proof.twice],
    }


def _difference(difference: Difference) -> dict[str, Any]:
    return {**difference._asdict(), "columns": list(difference.columns)}
