"""A task of a past run is done once more and rolled back: here, and as it was asked for on AWS."""

import json

import psycopg
import pytest

from tests.api.served import Served
from tests.cli.conftest import KEYS, Project

PIPELINE = """
from stepwell import Chunks, Pipeline, env

pipeline = Pipeline("ledger", params={"factor": 2}, database=env("DATABASE_URL"))


@pipeline.task
def task_01(connection, context):
    changed = connection.execute("insert into log select %s from item", [context.params["factor"]]).rowcount
    if context.params["factor"] > 5:
        raise ValueError("too much")
    return {"rows": changed}


pipeline.sql("task_02", "task_02.sql", chunks=Chunks("item", by="id", rows=10, parallel=2))
"""
TASK_02 = "insert into done select id, 100 / (id - :factor::integer) from item"


@pytest.fixture
def project(empty: Project, database: str) -> Project:
    empty.environment |= {"DATABASE_URL": database}
    empty.write("pipeline.py", PIPELINE)
    empty.write("task_02.sql", TASK_02)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("create table item (id integer primary key)")
        connection.execute("insert into item select generate_series(1, 40)")
        connection.execute("create table log (factor integer); create table done (id integer, part integer)")
    return empty


def counted(project: Project, table: str) -> int:
    return int(project.said("sql", "--csv", f"select count(*) from {table}").split()[1])


def test_the_task_that_failed_is_done_with_its_input_and_nothing_of_it_stays(project: Project) -> None:
    assert project.run("run", "--name", "bad", "--input", '{"factor": 9}').returncode == 1
    failed = project.run("replay")
    assert failed.returncode == 1
    assert "task_01 failed: ValueError: too much" in failed.stderr
    project.write("pipeline.py", PIPELINE.replace("> 5", "> 50"))
    done = project.run("replay", "bad")
    told = json.loads(done.stdout)
    assert (told["rows"], told["rolled_back"]) == (40, True)
    assert "task_01 of bad was done and rolled back" in done.stderr
    assert counted(project, "log") == 0
    refused = project.run("replay", "bad", "--task", "task_02")
    assert "the run bad has not called task_02; it has called: validate_config, task_01" in refused.stderr


def test_of_a_task_in_chunks_the_chunk_that_failed_is_done_alone_also_from_aws(project: Project) -> None:
    project.environment |= KEYS
    assert project.run("run", "--name", "halved", "--input", '{"factor": 4}').returncode == 1
    before = counted(project, "done")
    failed = project.run("replay", "halved")
    assert "task_02 failed: DataError" in failed.stderr
    assert "division by zero" in failed.stderr
    project.write("task_02.sql", "insert into done select id, 100 / nullif(id - :factor::integer, 0) from item")
    served = Served(project.folder)
    try:
        done = project.run("replay", "halved", "--on", "aws", "--endpoint-url", served.url)
    finally:
        served.end()
    told = json.loads(done.stdout)
    assert (told["rows"], told["rolled_back"]) == (10, True)
    assert "replaying chunk 1 (" in done.stderr
    assert counted(project, "done") == before
    assert "has 4 chunks on the data here, and none is 9" in project.run("replay", "halved", "--chunk", "9").stderr
