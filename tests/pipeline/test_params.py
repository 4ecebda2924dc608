"""A run's parameters."""

from typing import Any

import pytest

from stepwell.errors import BadInput
from stepwell.pipeline.params import resolve

DEFAULTS = {"days": 30, "rate": 0.5, "region": "north", "since": None, "dry": False}


def test_the_input_overrides_the_defaults() -> None:
    assert resolve(DEFAULTS, {"days": 7, "stepwell": {"run": "r"}}) == {**DEFAULTS, "days": 7}


def test_what_a_task_does_to_its_parameters_is_not_a_default_of_the_next_run() -> None:
    defaults: dict[str, Any] = {"ids": [1], "by": {"person": [2]}}
    params = resolve(defaults, {})
    params["ids"].append(3)
    params["by"]["person"].clear()
    assert defaults == {"ids": [1], "by": {"person": [2]}}


@pytest.mark.parametrize("given", [{"rate": 1}, {"since": "2026-01-01"}, {"since": 3}, {"dry": True}])
def test_an_int_serves_as_a_float_and_none_as_a_default_takes_anything(given: dict[str, Any]) -> None:
    assert resolve(DEFAULTS, given).items() >= given.items()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dayz": 7}, "unknown parameter 'dayz' (did you mean 'days'?); known: days, rate, region, since, dry"),
        ({"qqq": 7}, "unknown parameter 'qqq'; known: days, rate, region, since, dry"),
        ({"days": "7"}, "parameter 'days' must be int, like its default 30; the input gives str '7'"),
        ({"days": True}, "parameter 'days' must be int, like its default 30; the input gives bool True"),
        ({"region": None}, "parameter 'region' must be str, like its default 'north'; the input gives NoneType None"),
        ([1], 'the run\'s input must be a JSON object like {"days": 30}, not list [1]'),
        ("x", "the run's input must be a JSON object like {\"days\": 30}, not str 'x'"),
    ],
)
def test_bad_input_says_what_is_known_and_what_was_given(given: object, message: str) -> None:
    with pytest.raises(BadInput) as raised:
        resolve(DEFAULTS, given)
    assert raised.value.message == message


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(BadInput, match=r"unknown parameter 'x'.*parameter 'days' must be int"):
        resolve(DEFAULTS, {"x": 1, "days": []})


def test_a_pipeline_without_parameters_knows_none() -> None:
    with pytest.raises(BadInput, match="unknown parameter 'days'; known: none"):
        resolve({}, {"days": 1})
