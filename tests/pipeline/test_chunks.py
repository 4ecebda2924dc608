"""What is wrong with chunks that can be known without a database, and the part that a Python task is given."""

from typing import Any

import psycopg
import pytest

from stepwell import Chunk, Chunks, Pipeline, csv_files
from stepwell.etl.ranges import Key, Range
from stepwell.pipeline.check import check


def sql(chunks: Any) -> Pipeline:
    pipeline = Pipeline("visits")
    pipeline.sql("task_02", __file__, chunks=chunks)
    return pipeline


def told(pipeline: Pipeline) -> list[str]:
    return [str(problem) for problem in check(pipeline) if "chunk" in str(problem).lower() or "lanes" in str(problem)]


@pytest.mark.parametrize(
    ("chunks", "part"),
    [
        (Chunks("", by="a"), "Chunks('')"),
        (Chunks("t", by=()), "Chunks(by=())"),
        (Chunks("t", by=("a", "a")), "name one or more different columns"),
        (Chunks("t", by="a", rows=0), "Chunks(rows=0); give a whole number from 1"),
        (Chunks("t", by="a", parallel=41), "Chunks(parallel=41)"),
        (Chunks("t", by="a", deadline=1.5), "Chunks(deadline=1.5)"),  # type: ignore[arg-type]
        (Chunks("t", by="a", tolerate=-1), "Chunks(tolerate=-1)"),
        ("visits", "chunks of task 'task_02' is 'visits'; give Chunks('table', by=…)"),
    ],
)
def test_what_is_wrong_with_chunks_is_told_with_its_remedy(chunks: Any, part: str) -> None:
    (problem,) = told(sql(chunks))
    assert part in problem
    assert problem.startswith("test_chunks.py:")


def test_one_column_may_be_given_as_text() -> None:
    assert Chunks("t", by="visit_id").by == ("visit_id",)


def test_a_python_task_in_chunks_must_ask_for_its_part_and_no_other_may() -> None:
    pipeline = Pipeline("visits")
    pipeline.task(name="forgets", chunks=Chunks("t", by="a"))(lambda connection: None)
    pipeline.task(name="wishes")(lambda connection, chunk: None)
    pipeline.task(name="leaves", chunks=Chunks("t", by="a"), transaction=False)(lambda connection, chunk: None)
    forgets, wishes, leaves = told(pipeline)
    assert "give the function the parameter chunk" in forgets
    assert "task 'wishes' asks for chunk, and is not done in chunks" in wishes
    assert "a chunk is one transaction" in leaves


def test_a_load_in_chunks_is_of_a_query_and_replaces_the_whole_table() -> None:
    pipeline, cut = Pipeline("visits"), Chunks("t", by="id")
    query = "select * from t"
    pipeline.load("right", into="a", query=query, chunks=cut)
    pipeline.load("files", into="b", source=csv_files("*.csv"), chunks=cut)
    pipeline.load("window", into="c", query=query, mode="replace", range="true", chunks=cut)
    pipeline.load("rejecting", into="d", query=query, rejects=5, chunks=cut)
    files, window, rejecting = told(pipeline)
    assert "files are loaded as a whole: drop chunks=" in files
    assert "has chunks= and mode='replace'" in window
    assert "Chunks(tolerate=) says how many chunks may fail" in rejecting


def test_a_chunk_is_a_condition_with_its_values(database: str) -> None:
    key = Key(("a", "b%"), ("integer", "text"), (False, False))
    chunk = Chunk(Range(("1", "k"), ("3", "d"), None, "edges"), key, 10)
    assert chunk.rows == 10
    with psycopg.connect(database) as connection:
        connection.execute(
            'create table t as select a, b as "b%%" from generate_series(0, 5) a, '
            "unnest('{c,k,z}'::text[]) b".replace("%%", "%")
        )
        for alias in ("", "v"):
            query = f"select count(*) from t as v where v.a >= %(least)s and {chunk.sql(alias)}"
            assert connection.execute(query, {**chunk.params, "least": 0}).fetchone() == (6,)
