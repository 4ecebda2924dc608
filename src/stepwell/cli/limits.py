"""A pipeline beside what AWS allows: the facts are gathered here, the figures are in a table with limit and margin."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepwell.cli.terminal import Terminal, table
from stepwell.errors import StepwellError
from stepwell.insight.budget import Facts, findings
from stepwell.insight.limits import Finding, shown

if TYPE_CHECKING:
    from stepwell.pipeline.pipeline import Pipeline

MEMORY = 1024  # MB
_LEFT_OUT = (
    ".git",
    ".stepwell",
    ".venv",
    "venv",
    "__pycache__",
    "node_modules",
    "tests",
    ".pytest_cache",
    ".ruff_cache",
)
_OURS = ("stepwell", "psycopg", "psycopg-binary", "postgast", "protobuf", "typing-extensions")
_ASK = """
select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
  - (select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid())
"""


def measured(pipeline: "Pipeline", memory: int | None, processors: int | None, database: bool) -> list[Finding]:
    """All findings; the database is asked for its connections only if `database` says so."""
    from stepwell.api.arns import function_arn
    from stepwell.pipeline.compile import compile_machine

    arn = function_arn(pipeline.name)
    definition = compile_machine(pipeline, arn)
    return findings(definition, facts_of(pipeline, arn, memory or MEMORY, processors, database))


def facts_of(pipeline: "Pipeline", function: str, memory: int, processors: int | None, database: bool) -> Facts:
    import json

    from stepwell.pipeline.check import connections_of

    schedule = pipeline.schedule
    cut = {task.name: task.chunks for task in pipeline.tasks if task.chunks is not None}
    given = len(json.dumps(pipeline.params, ensure_ascii=False).encode())
    return Facts(
        name=pipeline.name,
        function_timeout=max(task.timeout for task in pipeline.tasks),
        memory=memory,
        environment=_environment(pipeline),
        input_bytes=given,
        schedule_bytes=None if schedule is None else len(json.dumps(schedule.input, ensure_ascii=False).encode()),
        receipts=_receipts(pipeline),
        unzipped=_unzipped(Path(pipeline.root or pipeline.folder)),
        needed=max(sum(map(connections_of, group)) for group in pipeline.groups),
        connections=_connections(pipeline) if database and pipeline.needs_database else None,
        processors=processors,
        function=function,
        lanes=max((chunks.parallel for chunks in cut.values()), default=0),
        deadlines={name: chunks.deadline for name, chunks in cut.items()},
    )


def _receipts(pipeline: "Pipeline") -> dict[str, int]:
    """By state, the bytes of what its task answered in the newest run here that has succeeded."""
    import json

    from stepwell.cli.measured import recent, shares_of
    from stepwell.cli.runs_of import reader_here

    here = reader_here()
    if here is None:
        return {}
    with here:
        execution = next(recent(here, pipeline.name), None)
        told = [] if execution is None else shares_of(here, execution)[0].visits
        return {v.name: len(json.dumps(v.receipt, ensure_ascii=False).encode()) for v in told if v.receipt is not None}


def _environment(pipeline: "Pipeline") -> dict[str, int]:
    """The bytes of what the function will find in its environment: those of this machine's, where they are set."""
    from stepwell.pipeline.settings import Variable

    names = [*pipeline.requires]
    names += [pipeline.database.name] if isinstance(pipeline.database, Variable) else []
    found = {name: len(os.environ.get(name, "").encode()) or 120 for name in names}
    return found | {"STEPWELL_PIPELINE": len(pipeline.target or ""), "STEPWELL_PROGRESS": 40 + len(pipeline.name)}


def _unzipped(folder: Path) -> int:
    """Bytes of the project's files, and of what every function brings along. `stepwell package` knows exactly."""
    return sum(_files(folder)) + sum(map(_installed, _OURS))


def _files(folder: Path) -> Iterator[int]:
    for base, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _LEFT_OUT]
        for name in files:
            path = os.path.join(base, name)
            if os.path.isfile(path):
                yield os.path.getsize(path)


def _installed(package: str) -> int:
    from importlib.metadata import PackageNotFoundError, files

    try:
        return sum(file.size or 0 for file in files(package) or ())
    except PackageNotFoundError:
        return 0


def _connections(pipeline: "Pipeline") -> int | None:
    """Those that are free now; None where the database cannot be asked."""
    import psycopg

    from stepwell.cli.cutting import url_of
    from stepwell.etl.connection import connect

    try:
        with connect(url_of(pipeline), f"stepwell {pipeline.name} check") as connection:
            row = connection.execute(_ASK).fetchone()
            connection.end(commit=False)
    except (StepwellError, psycopg.Error):
        return None
    return int(row[0]) if row else None


# How it looks


def lines(terminal: Terminal, found: list[Finding]) -> Iterator[str]:
    """A table: what is too much in red, with whose it is and the remedy below it; what comes near in yellow."""
    rows = [
        [each.limit.what, shown(each.figure, each.limit.unit), shown(each.limit.most, each.limit.unit), margin(each)]
        for each in found
    ]
    head, *body = table(("AWS", "HERE", "LIMIT", "LEFT"), rows, right=(1, 2, 3))
    yield terminal.bold(head)
    for each, line in zip(found, body, strict=True):
        colour = "red" if each.broken else "yellow" if each.near else None
        yield terminal.paint(line, colour) if colour else line
        if colour:
            yield f"  {each.about + ': ' if each.about else ''}{each.limit.remedy}"


def margin(finding: Finding) -> str:
    if finding.broken:
        return "too much"
    return "" if not finding.limit.most else f"{max(0.0, finding.margin):.0%}".replace("%", " %")


def as_json(found: list[Finding]) -> list[dict[str, Any]]:
    return [
        {
            "limit": each.limit.key,
            "what": each.limit.what,
            "about": each.about or None,
            "figure": each.figure,
            "most": each.limit.most,
            "unit": each.limit.unit,
            "left": each.margin,
            "broken": each.broken,
            "near": each.near,
            "remedy": each.limit.remedy,
        }
        for each in found
    ]
