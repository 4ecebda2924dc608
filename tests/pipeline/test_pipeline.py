"""Pipelines as their authors write them."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stepwell import Pipeline, Retry, TaskContext
from stepwell.errors import ConfigurationError, UnknownAction

HERE = Path(__file__).name


def test_actions_come_in_the_order_of_definition_after_validation() -> None:
    pipeline = Pipeline("visits")
    pipeline.sql("task_02", "b.sql")
    pipeline.load("task_01", into="t", query="select 1")
    assert pipeline.actions == ["validate_config", "task_02", "task_01"]


def test_an_unknown_action_is_answered_with_the_known_ones() -> None:
    pipeline = Pipeline("visits")
    pipeline.sql("task_01", "a.sql")
    pipeline.sql("task_02", "b.sql")
    with pytest.raises(UnknownAction) as raised:
        pipeline.action("task_9")
    assert raised.value.message == ("unknown action 'task_9'; this pipeline knows: validate_config, task_01, task_02")


def test_defaults_are_15_minutes_and_two_retries_and_less_for_validation() -> None:
    pipeline = Pipeline("visits")
    task, validate = pipeline.sql("task_01", "a.sql"), pipeline.action("validate_config")
    assert (task.timeout, task.retry.max_attempts, task.retry.interval, task.retry.backoff) == (900, 2, 5, 2)
    assert (validate.timeout, validate.retry.max_attempts, validate.retry.interval) == (60, 2, 2)


def test_a_name_given_twice_is_refused_with_both_places(write: Callable[..., Pipeline]) -> None:
    source = "from stepwell import Pipeline\np = Pipeline('x')\np.sql('a', 'a.sql')\n\np.sql(\n    'a', 'b.sql')\n"
    with pytest.raises(ConfigurationError, match=r"^pipeline.py:5: there is a task 'a' already, at pipeline.py:3;"):
        write(source)


@pytest.mark.parametrize("other", ["Task_01", "task_01_failed", "task__01"])
def test_two_tasks_cannot_share_a_state(other: str) -> None:
    pipeline = Pipeline("visits")
    pipeline.sql("task_01", "a.sql")
    with pytest.raises(ConfigurationError, match="would share the state ExecuteTask01"):
        pipeline.sql(other, "b.sql")


def test_a_decorated_function_is_a_task_that_tests_can_call() -> None:
    pipeline = Pipeline("visits")

    @pipeline.task
    def task_03(connection: str, context: TaskContext) -> dict[str, Any]:
        return {"rows": len(connection)}

    assert task_03("abc", None) == {"rows": 3}
    assert pipeline.action("task_03") is task_03
    assert task_03.place.startswith("test_pipeline.py:")


def test_a_class_is_made_with_what_its_constructor_asks_for_and_run() -> None:
    pipeline = Pipeline("visits")

    @pipeline.task(timeout=5)
    class Task03SomeOperation:
        def __init__(self, connector: list[int]) -> None:
            self.connector = connector

        def run(self, context: TaskContext) -> dict[str, Any]:
            self.connector.append(context.attempt)
            return {"rows": 1}

    task, connection = pipeline.action("task_03"), list[int]()
    assert task.needs_database
    assert task.work(connection, TaskContext("visits", "task_03", "r", attempt=7)) == {"rows": 1, "result": {"rows": 1}}
    assert connection == [7]
    assert Task03SomeOperation([]).connector == []


@pytest.mark.parametrize("name", ["connection", "connector", "conn"])
def test_a_task_that_asks_for_a_connection_needs_a_database(name: str) -> None:
    pipeline = Pipeline("visits")
    namespace: dict[str, Any] = {}
    exec(f"def task_01({name}): pass", namespace)
    assert pipeline.task(namespace["task_01"]).needs_database
    assert pipeline.needs_database


def test_a_task_that_asks_for_no_connection_needs_no_database() -> None:
    pipeline = Pipeline("visits")
    task = pipeline.task(name="quiet")(lambda context, extra=1, *args, **kwargs: None)
    assert not task.needs_database
    assert not pipeline.needs_database
    assert task.work(None, TaskContext("visits", "quiet", "r")) == {"rows": 0}


def test_a_wrapped_function_is_asked_what_is_inside() -> None:
    def noisy(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def inner(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return inner

    @noisy
    def task_01(*, conn: str) -> dict[str, Any]:
        return {"conn": conn}

    task = Pipeline("visits").task(task_01)
    assert task.work("c", TaskContext("visits", "task_01", "r"))["result"] == {"conn": "c"}


def _asks_for_days(connection: object, days: int) -> None: ...
def _by_position(connection: object, /) -> None: ...
async def _asynchronous(connection: object) -> None: ...
def _generator(connection: object) -> Any:
    yield 1


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (_asks_for_days, "task 'x' asks for 'days'; what it can ask for is connection"),
        (_by_position, "takes 'connection' by position only"),
        (_asynchronous, "is async, so that calling it runs nothing"),
        (_generator, "is a generator, so that calling it runs nothing"),
        (dict, "is the class dict, which has no run()"),
        (7, "must be a function, or a class with run()"),
    ],
)
def test_a_function_that_cannot_be_called_is_refused_when_it_is_defined(function: Any, why: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Pipeline("visits").task(name="x")(function)
    assert why in raised.value.message
    assert raised.value.message.startswith(HERE)


def test_a_whole_number_that_a_task_returns_is_its_rows() -> None:
    task = Pipeline("visits").task(name="x")(lambda: 3)
    assert task.work(None, TaskContext("visits", "x", "r")) == {"rows": 3}


@pytest.mark.parametrize("result", [True, 1.5, "done", [1], {1, 2}])
def test_a_task_that_returns_anything_but_a_number_or_a_dict_fails(result: object) -> None:
    task = Pipeline("visits").task(name="x")(lambda: result)
    with pytest.raises(ConfigurationError, match=f"task 'x' returned {type(result).__name__}"):
        task.work(None, TaskContext("visits", "x", "r"))


def test_tasks_that_are_defined_one_after_another_can_run_in_parallel() -> None:
    pipeline = Pipeline("visits")
    a, b, c = (pipeline.sql(name, f"{name}.sql") for name in "abc")
    pipeline.parallel(c, b)
    assert pipeline.groups == [(a,), (b, c)]


def test_tasks_with_another_between_them_cannot_run_in_parallel() -> None:
    pipeline = Pipeline("visits")
    a, _, c = (pipeline.sql(name, f"{name}.sql") for name in "abc")
    with pytest.raises(ConfigurationError, match="a, c cannot run in parallel: define them one after another"):
        pipeline.parallel(a, c)


def test_a_task_runs_in_one_parallel_group_only() -> None:
    pipeline = Pipeline("visits")
    a, b, c = (pipeline.sql(name, f"{name}.sql") for name in "abc")
    pipeline.parallel(a, b)
    with pytest.raises(ConfigurationError, match=r"in one parallel\(\) only"):
        pipeline.parallel(b, c)


def test_parallel_takes_two_or_more_tasks_of_its_own_pipeline() -> None:
    pipeline = Pipeline("visits")
    a, foreign = pipeline.sql("a", "a.sql"), Pipeline("other").sql("b", "b.sql")
    for tasks in [(a,), (a, a), (a, foreign)]:
        with pytest.raises(ConfigurationError, match="two or more different tasks of this pipeline"):
            pipeline.parallel(*tasks)


@pytest.mark.parametrize("params", [{"stepwell": 1}, {"not a name": 1}, {"day": object()}])
def test_parameters_are_names_with_json_defaults(params: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=HERE):
        Pipeline("visits", params=params)


def test_one_name_where_several_are_possible_is_one_name() -> None:
    assert Pipeline("visits", requires="REGION").requires == ("REGION",)
    assert Retry(on="KeyError").on == ("KeyError",)
