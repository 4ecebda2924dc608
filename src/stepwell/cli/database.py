"""Which database a pipeline works on here: the one that its setting names, else the project's embedded PostgreSQL."""

import os
from pathlib import Path

from stepwell.errors import UsageError
from stepwell.pipeline.pipeline import Pipeline
from stepwell.pipeline.settings import Variable, value_of


def environment(pipeline: Pipeline, home: Path) -> dict[str, str]:
    """The variables that the pipeline's function needs and this process lacks.

    The embedded PostgreSQL of `home` is started (PostgresError if that fails), only if a task needs a database.
    """
    setting = pipeline.database
    if not pipeline.needs_database or not isinstance(setting, Variable) or setting.is_set():
        return {}
    from stepwell import postgres

    return {setting.name: postgres.start(home)}


def address(home: Path) -> str:
    """The database that a person asks about: of the pipeline in this folder, of DATABASE_URL, else the embedded one."""
    pipeline = _pipeline_here()
    given = pipeline.database if pipeline is not None else None
    if given is not None and not isinstance(given, Variable):
        return value_of(given, "the pipeline in this folder")
    name = given.name if given is not None else "DATABASE_URL"
    if url := os.environ.get(name):
        return url
    if pipeline is None and not home.exists():
        place = os.getcwd()
        raise UsageError(f"there is no pipeline.py in {place}, and DATABASE_URL is not set: which database is meant?")
    from stepwell import postgres

    return postgres.start(home)


def _pipeline_here() -> Pipeline | None:
    if not os.path.isfile("pipeline.py"):
        return None
    from stepwell.pipeline.find import find_pipeline

    return find_pipeline()
