"""What is known to be wrong with a pipeline before it runs."""

import sys
from collections.abc import Callable

import pytest

from stepwell import Pipeline, Retry, env
from stepwell.errors import ConfigurationError
from stepwell.pipeline.check import check, refuse

Write = Callable[..., Pipeline]

WRONG = """\
from stepwell import Pipeline, Retry
pipeline = Pipeline("visits", params={"days": 30})
pipeline.sql("task_01", "sql/missing.sql")
pipeline.sql("task_02", "sql/task_02.sql", timeout=901)
pipeline.load("task_03", into="t", query="select 1; select 2")
pipeline.load("task_04", into="t", query="select :dayz", retry=Retry(max_attempts=-1, interval=0.5, backoff=0))
"""


def test_all_mistakes_are_told_at_once_each_with_its_place(write: Write) -> None:
    pipeline = write(WRONG, {"sql/task_02.sql": "select 1;\nselect 'open"})
    told = "\n".join(map(str, check(pipeline, {"dys": 3})))
    for part in (
        "pipeline.py:3: task 'task_01' needs the SQL file sql/missing.sql, which does not exist",
        "pipeline.py:4: the timeout of task 'task_02' is 901; give whole seconds from 1 to 900",
        "pipeline.py:4: sql/task_02.sql:2: ",
        "pipeline.py:5: the query of task 'task_03' must be one statement, not 2",
        "pipeline.py:6: Retry(max_attempts=-1) of task 'task_04'; give a whole number from 0 to 100",
        "pipeline.py:6: Retry(interval=0.5) of task 'task_04'; give a whole number from 1 to 86400",
        "pipeline.py:6: Retry(backoff=0) of task 'task_04'; give a number from 1 to 10",
        "unknown parameter :dayz",
        "input: unknown parameter 'dys' (did you mean 'days'?); known: days",
    ):
        assert part in told


def test_a_file_that_is_missing_is_told_with_the_one_that_was_meant(write: Write) -> None:
    source = "from stepwell import Pipeline\np = Pipeline('x')\np.sql('a', 'sql/task_2.sql')\n"
    (problem,) = check(write(source, {"sql/task_02.sql": "select 1"}))
    assert problem.message.endswith("sql/task_2.sql); there is task_02.sql")


def test_sql_in_chunks_without_the_parser_is_a_mistake(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "from stepwell import Chunks, Pipeline\np = Pipeline('x')\np.sql('a', 'a.sql', chunks=Chunks('t', 'id'))\n"
    pipeline = write(source, {"a.sql": "delete from t"})
    assert check(pipeline) == []
    monkeypatch.setitem(sys.modules, "postgast", None)  # as if it were not installed
    (problem,) = check(pipeline)
    assert (problem.place, problem.remedy) == ("pipeline.py:3", "pip install 'stepwell[chunks]'")


def test_a_pipeline_without_mistakes_has_no_problems(write: Write) -> None:
    source = "from stepwell import Pipeline\np = Pipeline('x', params={'days': 3})\np.sql('a', 'a.sql')\n"
    assert check(write(source, {"a.sql": "delete from t where day > :days and note <> ':x' and a::int = 1"})) == []


def test_a_pipeline_without_tasks_is_a_mistake() -> None:
    (problem,) = check(Pipeline("visits"))
    assert "pipeline 'visits' has no tasks; add one" in str(problem)


@pytest.mark.parametrize("timeout", [0, 901, 1.5, True, "60"])
def test_a_timeout_is_whole_seconds_up_to_15_minutes(timeout: int) -> None:
    pipeline = Pipeline("visits")
    pipeline.task(name="x", timeout=timeout)(lambda: None)
    assert [f"the timeout of task 'x' is {timeout!r}"] == [problem.message for problem in check(pipeline)]


def test_settings_that_are_missing_are_a_mistake_at_run_time_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REGION", "DATABASE_URL", "SOURCE_URL"):
        monkeypatch.delenv(name, raising=False)
    pipeline = Pipeline("visits", requires=["REGION"])
    pipeline.load("task_01", into="t", query="select 1", source=env("SOURCE_URL"))
    assert check(pipeline) == []
    assert [problem.message for problem in check(pipeline, at_run_time=True)] == [
        "REGION is not set; pipeline 'visits' (requires) needs it",
        "DATABASE_URL is not set; pipeline 'visits' (its database) needs it",
        "SOURCE_URL is not set; task 'task_01' (its source) needs it",
    ]


def test_no_database_is_asked_for_when_no_task_needs_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    pipeline = Pipeline("visits")
    pipeline.task(name="x", retry=Retry(max_attempts=0))(lambda: None)
    assert check(pipeline, at_run_time=True) == []


def test_problems_are_refused_together() -> None:
    refuse([])
    pipeline = Pipeline("visits")
    pipeline.task(name="x", timeout=0)(lambda: None)
    pipeline.task(name="y", timeout=0)(lambda: None)
    with pytest.raises(ConfigurationError) as raised:
        refuse(check(pipeline))
    assert len(raised.value.message.splitlines()) == 2


CHECKED = """\
from stepwell import Pipeline, check, not_null, row_count
pipeline = Pipeline("visits", params={"days": 30})
pipeline.load("task_01", into="t", query="select 1 as a", checks=[row_count(min=1), check("select :dayz")])


@pipeline.task(checks=[not_null("a"), row_count()])
def task_02():
    pass
"""


def test_mistakes_in_checks_are_told_with_the_place_of_their_task(write: Write) -> None:
    told = "\n".join(map(str, check(write(CHECKED))))
    for part in (
        "pipeline.py:3: in checks of task 'task_01', check(select :dayz): its SQL:1: unknown parameter :dayz",
        "pipeline.py:6: in checks of task 'task_02', not_null(a): give the table that it is about",
        "pipeline.py:6: in checks of task 'task_02', row_count(): needs min=, max= or both",
    ):
        assert part in told
    assert "row_count(min=1)" not in told


def test_a_task_with_checks_needs_a_database(write: Write) -> None:
    assert write(CHECKED).action("task_02").needs_database
    assert write(CHECKED).needs_database


def side_by_side(most: object, tasks: int = 3) -> Pipeline:
    pipeline = Pipeline("visits", max_connections=most)  # type: ignore[arg-type]
    group = [pipeline.task(name=f"task_{n}")(lambda connection: None) for n in range(tasks)]
    group.append(pipeline.task(name="mail")(lambda: None))
    pipeline.parallel(*group)
    return pipeline


@pytest.mark.parametrize("most", [None, 3, 4])
def test_a_parallel_group_within_the_limit_of_connections_is_right(most: int | None) -> None:
    assert check(side_by_side(most)) == []


def test_a_parallel_group_beyond_the_limit_of_connections_is_told_with_its_numbers() -> None:
    (problem,) = check(side_by_side(2))
    assert problem.message == (
        "task_0, task_1, task_2, mail can hold 3 connections at the same time, more than max_connections=2"
    )
    assert problem.remedy == "put fewer tasks into one parallel(), or raise max_connections"


def test_the_lanes_of_a_task_in_chunks_hold_a_connection_each() -> None:
    from stepwell import Chunks

    pipeline = side_by_side(3, tasks=2)
    task = pipeline.sql("big", "big.sql", chunks=Chunks("visits", by="id", parallel=5))
    (problem,) = [each for each in check(pipeline) if "connections" in each.message]
    assert problem.place == task.place
    assert problem.message == "big can hold 5 connections at the same time, more than max_connections=3"
    assert problem.remedy == "give Chunks a smaller parallel=, or raise max_connections"


@pytest.mark.parametrize("most", [0, -1, 2.5, True, "3"])
def test_a_limit_of_connections_is_a_whole_number(most: object) -> None:
    (problem,) = check(side_by_side(most))
    assert str(problem).endswith(f"max_connections={most!r}; give a whole number from 1")
