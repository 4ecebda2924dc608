"""Settings are read from the environment when a task runs, never when the pipeline is written down."""

import os

from stepwell.errors import ConfigurationError


class Setting:
    """The name of an environment variable, whose value stays out of definitions, histories and receipts."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"env({self.name!r})"

    def is_set(self) -> bool:
        return bool(os.environ.get(self.name))

    def value(self, needed_by: str = "this pipeline") -> str:
        """The variable's value. Raises ConfigurationError that says who needs it if it is not set."""
        if not self.is_set():
            raise ConfigurationError("; ".join(missing(self.name, needed_by)))
        return os.environ[self.name]


def env(name: str) -> Setting:
    """A setting that is taken from the environment variable `name` when it is needed."""
    return Setting(name)


def value_of(setting: Setting | str, needed_by: str) -> str:
    return setting.value(needed_by) if isinstance(setting, Setting) else setting


def missing(name: str, needed_by: str) -> tuple[str, str]:
    """What is wrong, and its remedy."""
    return f"{name} is not set; {needed_by} needs it", "set it in the environment (on AWS, the function's)"
