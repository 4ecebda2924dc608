"""What a pipeline says of its loads."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from stepwell import Pipeline, csv_files, env
from stepwell.errors import ConfigurationError
from stepwell.etl.connection import lease
from stepwell.pipeline.check import check
from stepwell.pipeline.context import TaskContext


@pytest.mark.parametrize(
    ("said", "part"),
    [
        (
            {"query": "select 1 as a", "mode": "merge"},
            "mode='merge' must be one of swap, truncate, incremental, replace",
        ),
        ({"query": "select 1 as a", "drift": "no"}, "drift='no' must be one of fail, add, ignore"),
        ({"query": "select 1 as a", "rejects": -1}, "rejects=-1: give the number"),
        ({"query": "select 1 as a", "mode": "incremental", "key": "id"}, 'needs watermark=, as in watermark="updated'),
        ({"query": "select 1 as a", "mode": "incremental", "watermark": "at"}, "needs key="),
        ({"query": "select 1 as a", "mode": "replace"}, "needs range=, as in"),
        ({"query": "select 1 as a", "key": "id"}, "key= belongs to mode='incremental', and the mode is 'swap'"),
        ({"query": "select 1 as a", "range": "id > 1"}, "range= belongs to mode='replace'"),
        ({"query": "select 1 as a", "mode": "replace", "range": "a", "overlap": 3}, "overlap= belongs to"),
        ({}, "query= is missing"),
        ({"source": env("OTHER")}, "query= is missing"),
        ({"source": 7}, "source=7 must be a database"),
        ({"source": csv_files("a.csv"), "query": "select 1 as a"}, "query= belongs to a database"),
    ],
)
def test_a_mistake_in_a_load_is_told_where_it_is_written(said: dict[str, Any], part: str) -> None:
    pipeline = Pipeline("shop")
    with pytest.raises(ConfigurationError, match=rf"test_loads\.py:\d+: task 'task_01'.*{part}"):
        pipeline.load("task_01", into="visits", **said)


def test_the_parameters_of_a_range_are_checked_before_a_run() -> None:
    pipeline = Pipeline("shop", params={"day": "2026-01-01"})
    pipeline.load("task_01", into="visits", query="select 1 as id", mode="replace", range="day = :day and id < :most")
    pipeline.load("task_02", into="visits", source=csv_files("a.csv"))
    [problem] = check(pipeline)
    assert "unknown parameter :most" in problem.message
    assert "(range):1" in problem.message


def test_a_load_of_files_needs_no_database_but_the_pipelines_own(tmp_path: Path) -> None:
    pipeline = Pipeline("shop")
    task = pipeline.load("task_01", into="visits", source=csv_files("a.csv"))
    assert task.source is None
    assert pipeline.needs_database


def test_a_task_loads_files_beside_the_pipeline_and_tells_what_it_did(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in.csv").write_text("id,day\n1,2026-01-01\n2,2026-01-02\nx,\n")
    pipeline = Pipeline("shop")
    monkeypatch.setattr(pipeline, "folder", str(tmp_path))
    task = pipeline.load(
        "task_01", into="visits", source=csv_files("in.csv"), mode="incremental", key="id", watermark="day", rejects=1
    )
    context = TaskContext("shop", "task_01", "run-1")
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("create table visits (id int primary key, day date)")
        with lease(database, "test") as connection:
            told = task.work(connection, context)
            connection.end(commit=True)
        assert told == {"rows": 2, "read": 3, "rejected": 1, "watermark": "2026-01-02"}
        rejected = admin.execute("select pipeline, task, run, place, error from visits_rejects").fetchall()
        error = 'invalid input syntax for type integer: "x"'
        assert rejected == [("shop", "task_01", "run-1", "in.csv:4", error)]
