"""Settings from the environment."""

import pytest

from stepwell import env
from stepwell.errors import ConfigurationError
from stepwell.pipeline.settings import value_of


def test_a_setting_is_read_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    setting = env("PLACE")
    monkeypatch.setenv("PLACE", "here")
    assert value_of(setting, "x") == "here"
    assert repr(setting) == "env('PLACE')"
    assert value_of("there", "x") == "there"


@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_setting_is_told_with_who_needs_it(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("PLACE", raising=False)
    if value is not None:
        monkeypatch.setenv("PLACE", value)
    with pytest.raises(ConfigurationError, match="PLACE is not set; task 'a' needs it; set it in the environment"):
        env("PLACE").value("task 'a'")
