"""What one invocation of a task in chunks does: the phase that it asks for, with the task's own SQL or Python."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from stepwell.errors import NotChunkSafe
from stepwell.etl import chunked
from stepwell.etl.connection import TaskConnection
from stepwell.etl.fence import Key
from stepwell.etl.lane import Work
from stepwell.etl.ledger import Lot
from stepwell.etl.plan import Plan, Table, find_table, say
from stepwell.etl.ranges import Key as Columns
from stepwell.pipeline.chunks import Chunk, Chunks
from stepwell.pipeline.context import TaskContext
from stepwell.pipeline.invocation import Invocation
from stepwell.pipeline.receipt import peak_megabytes
from stepwell.pipeline.task import LoadTask, PythonTask, SqlTask, Task

if TYPE_CHECKING:
    from stepwell.etl.narrow import Finding

InChunks = SqlTask | PythonTask | LoadTask
Check = Callable[[TaskConnection], dict[str, Any]]


def perform(
    task: InChunks,
    chunks: Chunks,
    url: str,
    application: str,
    call: Invocation,
    context: TaskContext,
    check: Check,
) -> dict[str, Any]:
    """Plan, run a lane, reconcile; or, if the invocation names no phase, all of it as far as its time goes."""
    job = chunked.Job(
        url=url,
        application=application,
        key=Key(context.pipeline, task.name, call.window),
        run=call.run,
        execution=call.execution,
        clear=call.clear,
        remaining=context.remaining,
        table=chunks.table,
        by=chunks.by,
        size=chunks.rows,
        lanes=chunks.parallel,
        deadline=chunks.deadline,
        tolerate=chunks.tolerate,
        attempts=1 + task.retry.max_attempts,
        again=frozenset(task.retry.on),
        params=context.params,
        freeze=lambda connection, plan: frozen(task, chunks, connection, plan, context.params),
        work=lambda narrowed, params: work_of(task, narrowed, params, context),
        check=check,
        used_mb=peak_megabytes,
    )
    if isinstance(task, LoadTask):
        job = _of_load(task, job if call.phase else chunked.adopted(job))
    if call.phase == "plan":
        return chunked.plan(job)
    if call.phase == "lane":
        return chunked.lane(job, call.number, call.lane)
    if call.phase == "reconcile":
        return chunked.reconcile(job, call.number)
    return chunked.go_on(job)


def _of_load(task: LoadTask, job: chunked.Job) -> chunked.Job:
    load = task.in_chunks(job.key, job.run, job.params)
    return job._replace(
        at=load.at,
        find=load.find,
        freeze=load.freeze,
        prepare=load.prepare,
        work=lambda document, _: load.work(document),
        finish=load.finish,
    )


def frozen(
    task: Task,
    chunks: Chunks,
    connection: TaskConnection,
    plan: Plan,
    params: dict[str, Any],
    tell: Callable[[str], None] = say,
) -> dict[str, Any]:
    """What the lanes run: the narrowed statements of an SQL task; a Python task only needs to know its key.

    What will be slow is told. Raises NotChunkSafe for SQL that could give something else in chunks, by proof or by
    PostgreSQL's own plans.
    """
    table = find_table(connection, chunks.table, chunks.by)
    if not isinstance(task, SqlTask):
        for advice in table.advice():
            tell(advice)
        return {"key": table.key._asdict()}
    import json

    from stepwell.etl.narrow import Narrowed, narrow, witness

    task.script().check(params)
    narrowed = narrow(task.script(), chunks.table, chunks.by, connection, chunks.functions)
    for warning in narrowed.warnings:
        tell(warning)
    document: dict[str, Any] = json.loads(narrowed.to_json())
    found = witness(Narrowed.from_json(document), connection, [chunk.range for chunk in plan.bounded], params)
    fatal = [f"{task.file}:{each.line}: {each.text}" for each in found if each.fatal]
    if fatal:
        raise NotChunkSafe("\n".join(fatal))
    for text in _slow(task, table, found):
        tell(text)
    return document


def _slow(task: SqlTask, table: Table, found: "list[Finding]") -> Iterator[str]:
    """A missing index is told once, with all the lines that miss it."""
    lines = [str(each.line) for each in found if each.unindexed]
    where = f", in line{'s' if len(lines) > 1 else ''} {', '.join(lines)} of {task.file}" if lines else ""
    told = table.advice(where)
    yield from told
    yield from (f"{task.file}:{each.line}: {each.text}" for each in found if not (told and each.unindexed))


def work_of(task: Task, document: dict[str, Any], params: dict[str, Any], context: TaskContext) -> Work:
    if isinstance(task, PythonTask):
        return _python(task, document, context)
    assert isinstance(task, SqlTask)
    return _sql(task, document, params)


def _sql(task: SqlTask, document: dict[str, Any], params: dict[str, Any]) -> Work:
    from stepwell.etl.narrow import Narrowed
    from stepwell.etl.run import run_narrowed

    narrowed = Narrowed.from_json(document)

    def work(connection: TaskConnection, lot: Lot) -> int:
        texts = ((statement, *statement.render(lot.range)) for statement in narrowed.statements)
        return sum(
            run_narrowed(
                connection, text, [params[name] for name in statement.names], values, f"{task.file}:{statement.line}"
            )
            for statement, text, values in texts
        )

    return work


def _python(task: PythonTask, document: dict[str, Any], context: TaskContext) -> Work:
    key = Columns(*(tuple(document["key"][name]) for name in Columns._fields))

    def work(connection: TaskConnection, lot: Lot) -> int:
        connection.keep_deadline()
        rows: int = task.work(connection, context, Chunk(lot.range, key, lot.rows))["rows"]
        connection.as_made()
        return rows

    return work
