"""How many connections a run holds: one for each process at most, counted by the server itself."""

import json
from collections.abc import Callable

import psycopg

from tests.e2e.conftest import Project

PIPELINE = """
import os, time
from stepwell import Pipeline

pipeline = Pipeline("p", max_connections=3)


def meet(connection, context):
    '''Wait until all three are at work, then count every connection of this pipeline.'''
    count = (
        "select count(*), count(*) filter (where xact_start is not null) from pg_stat_activity "
        "where datname = current_database() and application_name like 'stepwell p %'"
    )
    most = 0
    with open(f"at_work_{context.task}", "w"):
        pass
    while sum(name.startswith("at_work_") for name in os.listdir(".")) < 3:
        most = max(most, connection.execute(count).fetchone()[0])
        time.sleep(0.005)
    most = max(most, connection.execute(count).fetchone()[0])
    connection.execute("insert into seen values (%s, %s, pg_backend_pid(), %s)", [context.task, os.getpid(), most])


group = [pipeline.task(name=f"task_0{n}")(meet) for n in (1, 2, 3)]
pipeline.parallel(*group)


@pipeline.task
def task_04(connection):
    connection.execute("insert into seen values ('task_04', %s, pg_backend_pid(), 1)", [os.getpid()])
"""


def test_a_parallel_group_holds_one_connection_for_each_of_its_processes(
    project: Callable[..., Project], database: str
) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("create table seen (task text, process int, backend int, most int)")
    made = project(PIPELINE, database)
    made("run")
    seen = made.sql("select task, process, backend, most from seen order by task")
    assert [row[0] for row in seen] == ["task_01", "task_02", "task_03", "task_04"]
    assert len({process for _, process, _, _ in seen}) == len({backend for _, _, backend, _ in seen}) == 3
    assert max(most for *_, most in seen) == 3


def test_more_connections_than_allowed_are_refused_before_anything_runs(project: Callable[..., Project]) -> None:
    made = project(PIPELINE.replace("max_connections=3", "max_connections=2"))
    done = made("run", code=2)
    assert "can hold 3 connections at the same time, more than max_connections=2" in done.stderr
    assert "put fewer tasks into one parallel(), or raise max_connections" in done.stderr
    assert not (made.folder / ".stepwell").exists()
    assert len(json.loads(made("check", "--json", code=2).stdout)["problems"]) == 1
