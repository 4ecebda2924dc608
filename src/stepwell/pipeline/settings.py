"""Settings are read when a task runs, never when the pipeline is written down, so that no definition holds a secret."""

import os

from stepwell.errors import ConfigurationError
from stepwell.etl.redact import remember_url


class Setting:
    """Where a value comes from. `name` tells that, never the value."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def value(self, needed_by: str = "this pipeline") -> str:
        """The value now. Raises ConfigurationError that says what is missing and who needs it."""
        raise NotImplementedError

    def problem(self, needed_by: str) -> tuple[str, str] | None:
        """What is wrong with it, and the remedy; None if it has a value."""
        try:
            self.value(needed_by)
        except ConfigurationError as error:
            return error.message, ""
        return None


class Variable(Setting):
    """An environment variable."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"env({self.name!r})"

    def is_set(self) -> bool:
        return bool(os.environ.get(self.name))

    def value(self, needed_by: str = "this pipeline") -> str:
        wrong = self.problem(needed_by)
        if wrong:
            raise ConfigurationError("; ".join(wrong))
        remember_url(os.environ[self.name])
        return os.environ[self.name]

    def problem(self, needed_by: str) -> tuple[str, str] | None:
        if self.is_set():
            return None
        return f"{self.name} is not set; {needed_by} needs it", "set it in the environment (on AWS, the function's)"


def env(name: str) -> Variable:
    """A setting that is taken from the environment variable `name` when it is needed."""
    return Variable(name)


def value_of(setting: Setting | str, needed_by: str) -> str:
    if isinstance(setting, Setting):
        return setting.value(needed_by)
    remember_url(setting)
    return setting
