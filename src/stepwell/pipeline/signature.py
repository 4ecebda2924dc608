"""Which of the things that Stepwell can give a Python task asks for, read from the names of its parameters."""

from collections.abc import Callable
from typing import Any

from stepwell.errors import ConfigurationError

CONNECTION = frozenset({"connection", "connector", "conn"})
GIVEN = CONNECTION | {"context", "chunk"}
_RUNS_NOTHING = {0x20: "a generator", 0x80: "async", 0x200: "an async generator"}  # code flags: a call runs no line


def asked(function: Callable[..., Any], what: str, method: bool = False) -> frozenset[str]:
    """The parameters to give by name. Raises ConfigurationError for one that nobody can give."""
    function = _innermost(function)
    code = getattr(function, "__code__", None)
    if code is None:
        return frozenset()
    _check_runs(code.co_flags, what)
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    count = code.co_argcount - len(function.__defaults__ or ())
    optional = {*names[count : code.co_argcount], *(function.__kwdefaults__ or ())}
    _check_names(names[method : code.co_posonlyargcount], names[method:], optional, what)
    return GIVEN.intersection(names[method:])


def _innermost(function: Any) -> Any:
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function


def _check_runs(flags: int, what: str) -> None:
    for flag, kind in _RUNS_NOTHING.items():
        if flags & flag:
            raise ConfigurationError(f"{what} is {kind}, so that calling it runs nothing; write a plain `def`")


def _check_names(by_position: tuple[str, ...], names: tuple[str, ...], optional: set[str], what: str) -> None:
    if by_position:
        raise ConfigurationError(f"{what} takes {by_position[0]!r} by position only; parameters are given by name")
    for name in names:
        if name not in GIVEN and name not in optional:
            raise ConfigurationError(
                f"{what} asks for {name!r}; what it can ask for is connection (or connector, conn), chunk if it "
                f"has chunks=, and context, whose params hold the run's parameters"
            )
