"""Stepwell: ETL pipelines on AWS Step Functions and Lambda that run unchanged on one machine.

The language describes, the engine decides, the journal remembers, the hands act, the worker drives; the API lets you
in.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stepwell.pipeline.context import TaskContext
    from stepwell.pipeline.pipeline import Pipeline
    from stepwell.pipeline.settings import env
    from stepwell.pipeline.task import Retry

__version__ = "0.1.0"
__all__ = ["Pipeline", "Retry", "TaskContext", "env"]

_HOME = {
    "Pipeline": "stepwell.pipeline.pipeline",
    "Retry": "stepwell.pipeline.task",
    "TaskContext": "stepwell.pipeline.context",
    "env": "stepwell.pipeline.settings",
}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use, so that importing the package costs nothing."""
    if name not in _HOME:
        raise AttributeError(f"module 'stepwell' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
