"""How a task is to be cut into chunks: its table and key by proof, sizes by what its runs have measured."""

import os
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from stepwell.errors import NotChunkSafe, StepwellError
from stepwell.insight.forecast import SECONDS, Forecast, cut
from stepwell.insight.patching import CannotPatch, diff
from stepwell.pipeline.pipeline import Pipeline
from stepwell.pipeline.task import LoadTask, SqlTask

if TYPE_CHECKING:
    from stepwell.etl.narrow.candidates import Candidate

_UNKNOWN = 60.0  # seconds that a task takes that has not run yet
_MEMORY = 1024  # MB


class Impossible(Exception):
    """No change can be proposed; the message is the reason."""


class Proposal(NamedTuple):
    """The `chunks=` line, why it is so, the diff that writes it; dollars of a run whole and in chunks."""

    task: str
    line: str
    why: str
    diff: str
    seconds: float
    chunks: int
    whole: Decimal
    in_chunks: Decimal
    make_index: str | None


def proposal(pipeline: Pipeline, due: Forecast) -> Proposal:
    """Raises Impossible."""
    task = pipeline.action(due.task)
    if isinstance(task, LoadTask):
        raise Impossible('cut a load by hand, with chunks= (docs/loads.md), or load less: mode="incremental"')
    if not isinstance(task, SqlTask):
        raise Impossible("only an SQL task can be proven safe in chunks: a Python task uses its `chunk`")
    if task.chunks is not None:
        raise Impossible("it is done in chunks already")
    found = _candidate(pipeline, task)
    seconds = next((o.level for o in due.outlooks if o.measure == SECONDS and o.level), None)
    most = min(5, pipeline.max_connections or 5)
    sizes = cut(max(1, found.rows), seconds or _UNKNOWN, most)
    by = repr(found.by[0]) if len(found.by) == 1 else f"({', '.join(map(_text, found.by))})"
    line = (
        f"Chunks({_text(found.table)}, by={by.replace(chr(39), chr(34))}, rows={sizes.rows:_}, parallel={sizes.lanes})"
    )
    chunks = max(1, -(-found.rows // sizes.rows))
    speed = found.rows / seconds if seconds else None
    why = f"{found.table}: {found.rows:,} rows" + (f" at {speed:,.0f} rows/s" if speed else ", time not known")
    whole, in_lanes = _costs(task, seconds or 0.0, found.rows, chunks, sizes.lanes)
    return Proposal(
        task=task.name,
        line=f"chunks={line}",
        why=f"{why}, so {chunks:,} chunks of {sizes.rows:,}, {sizes.lanes} at a time",
        diff=_diff(pipeline, task, line),
        seconds=(seconds or 0.0) / sizes.lanes,
        chunks=chunks,
        whole=whole,
        in_chunks=in_lanes,
        make_index=None if found.indexed else f"CREATE INDEX ON {found.table} ({', '.join(found.by)});",
    )


def _text(name: str) -> str:
    return f'"{name}"' if '"' not in name else repr(name)


def _costs(task: SqlTask, seconds: float, rows: int, chunks: int, lanes: int) -> tuple[Decimal, Decimal]:
    """Of a run, whole and in lanes."""
    from stepwell.insight.cost import ways
    from stepwell.insight.prices import prices
    from stepwell.insight.usage import Given

    region = os.environ.get("AWS_REGION", "us-east-1")
    try:
        known = prices(region)
    except StepwellError:
        known = prices("us-east-1")
    whole, in_lanes, _ = ways(task.name, Given(seconds, rows), chunks, lanes, task.timeout, _MEMORY, known)
    return whole.cost, in_lanes.cost


def _diff(pipeline: Pipeline, task: SqlTask, line: str) -> str:
    name = task.place.rpartition(":")[0]
    try:
        source = (Path(pipeline.folder) / name).read_text(encoding="utf-8")
        return diff(source, name, task.name, line)
    except (CannotPatch, OSError, SyntaxError) as error:
        raise Impossible(f"{task.place}: {error}; add by hand: chunks={line}") from None


def _candidate(pipeline: Pipeline, task: SqlTask) -> "Candidate":
    import psycopg

    from stepwell.etl.connection import connect
    from stepwell.etl.fence import explained
    from stepwell.etl.narrow.candidates import candidate

    try:
        with explained(), connect(url_of(pipeline), f"stepwell {pipeline.name} forecast") as connection:
            try:
                return candidate(task.script(), connection)
            finally:
                connection.end(commit=False)
    except NotChunkSafe as error:
        raise Impossible(f"{task.file} is not safe in chunks by any key that has an index.\n{error.message}") from None
    except (StepwellError, psycopg.Error) as error:
        raise Impossible(str(error)) from None


def url_of(pipeline: Pipeline) -> str:
    """Of the pipeline's database; the embedded one is started if that is it."""
    from stepwell.cli.database import environment
    from stepwell.cli.local import home
    from stepwell.pipeline.settings import Setting, value_of

    variables = environment(pipeline, home(Path(pipeline.folder)))
    setting = pipeline.database
    if isinstance(setting, Setting) and setting.name in variables:
        return variables[setting.name]
    return value_of(setting, f"pipeline {pipeline.name!r} (its database)")
