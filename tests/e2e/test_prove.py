"""`stepwell prove` through the whole product: the example is chunk-safe, and what is not is shown."""

import pytest

from tests.e2e.conftest import Project, called

CHUNKS = ', chunks=Chunks("staging.visits", by=("visit_date", "person"), rows=10_000, parallel=5)'
PYTHON = """
from stepwell import Chunks, Pipeline
pipeline = Pipeline("p")

@pipeline.task(chunks=Chunks("numbers", by="n", rows=100))
def task_01(connection, chunk):
    {body}
"""


def chunked(visits: Project) -> Project:
    """The example with one line changed."""
    text = (visits.folder / "pipeline.py").read_text()
    text = text.replace("import Pipeline, env", "import Chunks, Pipeline, env")
    visits.write("pipeline.py", text.replace('"sql/task_02.sql"', '"sql/task_02.sql"' + CHUNKS))
    return visits


def test_the_example_goes_from_whole_to_chunked_by_one_line(visits: Project) -> None:
    chunked(visits)("run")
    assert called(visits.events())[:3] == ["validate_config", "task_01", "task_02"]
    verified = visits.python("data.py", "verify").stdout
    assert "99131978fd879146994239eb7d16bc0e" in verified


def test_the_example_is_proven_chunk_safe(visits: Project) -> None:
    visits("run")
    visits.sql("truncate care.conflicts")
    out = chunked(visits)("prove", "task_02").stdout
    assert "✓ task_02 is chunk-safe" in out
    assert "✓ it is idempotent" in out
    assert "compared: care.conflicts" in out
    assert visits.sql("select count(*) from care.conflicts") == [(0,)]


def test_a_python_task_that_is_not_is_shown_with_its_rows(project, database: str) -> None:
    body = 'connection.execute(f"insert into totals select sum(n) from numbers where {chunk.sql()}", chunk.params)'
    made = project(PYTHON.format(body=body), database)
    made.sql("create table numbers (n int primary key); insert into numbers select generate_series(1, 1000)")
    made.sql("create table totals (total bigint)")
    done = made("prove", "task_01", code=1)
    assert "✗ task_01 is not chunk-safe" in done.stdout
    assert "whole   (500500)" in done.stdout
    assert "chunks  (5050)" in done.stdout
    found = made.json("prove", "task_01", code=1)
    assert (found["chunk_safe"], found["in_chunks"][0]["surplus"]) == (False, 10)


def test_a_python_task_that_is_safe_but_not_idempotent_says_both(project, database: str) -> None:
    body = 'connection.execute(f"update numbers set n2 = n2 + 1 where {chunk.sql()}", chunk.params)'
    made = project(PYTHON.format(body=body), database)
    made.sql("create table numbers (n int primary key, n2 int default 0)")
    made.sql("insert into numbers select generate_series(1, 1000)")
    out = made("prove", "task_01").stdout
    assert "✓ task_01 is chunk-safe" in out
    assert "! it is not idempotent" in out


def test_a_task_that_is_not_in_chunks_says_how_to_cut_it(visits: Project) -> None:
    assert "add chunks=Chunks" in visits("prove", "task_02", code=2).stderr


@pytest.mark.parametrize("statement", ["INSERT INTO care.totals SELECT count(*) FROM staging.visits"])
def test_sql_that_cannot_be_proven_is_refused_before_it_is_tried(visits: Project, statement: str) -> None:
    visits.sql("create table care.totals (n bigint)")
    visits.write("sql/task_02.sql", statement)
    failed = chunked(visits)("prove", "task_02", code=1)
    assert "NotChunkSafe" in failed.stderr
    assert "sql/task_02.sql:1" in failed.stderr
