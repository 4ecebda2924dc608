"""Stepwell: ETL pipelines on AWS Step Functions and Lambda that run unchanged on one machine.

The language describes, the engine decides, the journal remembers, the hands act, the worker drives; the API lets you
in.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stepwell.etl.checks import check, freshness, not_null, reconcile, row_count, unique
    from stepwell.etl.sources.files import csv_files, jsonl_files
    from stepwell.pipeline.chunks import Chunk, Chunks
    from stepwell.pipeline.context import TaskContext
    from stepwell.pipeline.pipeline import Pipeline
    from stepwell.pipeline.schedule import Schedule
    from stepwell.pipeline.secrets import aws_secret, rds_iam, secret_file
    from stepwell.pipeline.settings import env
    from stepwell.pipeline.task import Retry

__version__ = "0.1.0"
__all__ = [
    "Chunk",
    "Chunks",
    "Pipeline",
    "Retry",
    "Schedule",
    "TaskContext",
    "aws_secret",
    "check",
    "csv_files",
    "env",
    "freshness",
    "jsonl_files",
    "not_null",
    "rds_iam",
    "reconcile",
    "row_count",
    "secret_file",
    "unique",
]

_HOME = {
    "Chunk": "stepwell.pipeline.chunks",
    "Chunks": "stepwell.pipeline.chunks",
    "Pipeline": "stepwell.pipeline.pipeline",
    "Retry": "stepwell.pipeline.task",
    "Schedule": "stepwell.pipeline.schedule",
    "TaskContext": "stepwell.pipeline.context",
    "aws_secret": "stepwell.pipeline.secrets",
    "check": "stepwell.etl.checks",
    "csv_files": "stepwell.etl.sources.files",
    "env": "stepwell.pipeline.settings",
    "freshness": "stepwell.etl.checks",
    "jsonl_files": "stepwell.etl.sources.files",
    "not_null": "stepwell.etl.checks",
    "rds_iam": "stepwell.pipeline.secrets",
    "reconcile": "stepwell.etl.checks",
    "row_count": "stepwell.etl.checks",
    "secret_file": "stepwell.pipeline.secrets",
    "unique": "stepwell.etl.checks",
}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use, so that importing the package costs nothing."""
    if name not in _HOME:
        raise AttributeError(f"module 'stepwell' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
