"""Names of tasks, and of the states that they become."""

import pytest

from stepwell.errors import ConfigurationError
from stepwell.pipeline.names import check_pipeline_name, check_task_name, snake_case, state_name, state_names


@pytest.mark.parametrize(
    ("task", "state"),
    [("task_01", "ExecuteTask01"), ("load_visits", "ExecuteLoadVisits"), ("validate_config", "ValidateConfig")],
)
def test_a_task_runs_in_the_state_of_its_name(task: str, state: str) -> None:
    assert state_name(task) == state


def test_a_task_claims_its_state_and_four_fail_states() -> None:
    assert state_names("task_02") == [
        "ExecuteTask02",
        "ExecuteTask02ConfigurationFailed",
        "ExecuteTask02TimedOut",
        "ExecuteTask02DataFailed",
        "ExecuteTask02Failed",
    ]


@pytest.mark.parametrize(
    ("cls", "task"),
    [
        ("Task03SomeOperation", "task_03"),
        ("Task3", "task_3"),
        ("TaskForce", "task_force"),
        ("LoadHTTPData", "load_http_data"),
        ("Load2Tables", "load2_tables"),
        ("already_snake", "already_snake"),
    ],
)
def test_a_class_gives_its_task_a_name(cls: str, task: str) -> None:
    assert snake_case(cls) == task


@pytest.mark.parametrize("name", ["", "two words", "a" * 81, "name.dot", 7, "größe"])
def test_a_pipeline_needs_a_name_that_step_functions_takes(name: object) -> None:
    with pytest.raises(ConfigurationError, match=r"here:1: a pipeline's name has 1 to 80 letters"):
        check_pipeline_name(name, "here:1")


@pytest.mark.parametrize("name", ["", "_", "two words", "with-dash", "task.01", None])
def test_a_task_needs_a_name_of_letters_digits_and_underscores(name: object) -> None:
    with pytest.raises(ConfigurationError, match=r"here:1: a task's name has letters, digits and _"):
        check_task_name(name, "here:1")


@pytest.mark.parametrize("name", ["validate_config", "parallel_01"])
def test_stepwells_own_names_are_taken(name: str) -> None:
    with pytest.raises(ConfigurationError, match="Stepwell's own"):
        check_task_name(name, "here:1")


def test_the_longest_state_of_a_task_has_80_characters() -> None:
    longest = "a" * 54
    check_task_name(longest, "here:1")
    assert max(map(len, state_names(longest))) == 80
    with pytest.raises(ConfigurationError, match="more than 54 characters"):
        check_task_name(longest + "a", "here:1")
