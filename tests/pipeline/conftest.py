"""A folder to write pipelines in, as a user would."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stepwell.pipeline.find import find_pipeline
from stepwell.pipeline.pipeline import Pipeline


@pytest.fixture
def imports() -> Iterator[None]:
    """Leaves the import path and the loaded modules as they were."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if not name.startswith(("stepwell", "psycopg")):
            del sys.modules[name]


@pytest.fixture
def write(tmp_path: Path, imports: None) -> Callable[..., Pipeline]:
    """`write(source, {"sql/a.sql": text})` makes the files and finds the pipeline in pipeline.py."""

    def write(source: str, files: dict[str, str] | None = None) -> Pipeline:
        for name, text in {"pipeline.py": source, **(files or {})}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
        return find_pipeline(None, tmp_path)

    return write
