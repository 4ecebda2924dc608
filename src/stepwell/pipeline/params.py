"""A run's parameters: the pipeline's defaults, overridden by what the run's input gives, checked against them."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from stepwell.errors import BadInput, ConfigurationError

RESERVED = "stepwell"  # the key of a run's input under which Stepwell keeps its own
_JSON = (type(None), bool, int, float, str, list, dict)


def check_defaults(params: Mapping[str, Any], place: str) -> None:
    for name, default in params.items():
        if not isinstance(name, str) or not name.isidentifier() or name == RESERVED:
            raise ConfigurationError(f"{place}: {name!r} cannot be the name of a parameter")
        if type(default) not in _JSON:
            raise ConfigurationError(
                f"{place}: the default of parameter {name!r} is {type(default).__name__}; a run's input is JSON, "
                "so a default is None, bool, int, float, str, list or dict"
            )


def resolve(defaults: Mapping[str, Any], given: object) -> dict[str, Any]:
    """The run's parameters. Raises BadInput that names everything that is wrong with them."""
    found = mistakes(defaults, given)
    if found:
        raise BadInput("; ".join(found))
    assert isinstance(given, dict)
    # A copy of each list and object: a task may change them, and the next run of a warm process has the same defaults.
    return deepcopy({**defaults, **{name: value for name, value in given.items() if name != RESERVED}})


def mistakes(defaults: Mapping[str, Any], given: object) -> list[str]:
    if not isinstance(given, dict):
        return [
            f"the run's input must be a JSON object like {_example(defaults)}, not {type(given).__name__} {given!r:.80}"
        ]
    names = [name for name in given if name != RESERVED]
    unknown = [_unknown(name, defaults) for name in names if name not in defaults]
    return unknown + [_unlike(name, defaults[name], given[name]) for name in names if not _fits(name, defaults, given)]


def _fits(name: str, defaults: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    """JSON writes 7.0 as 7, so an int serves as a float; True is no number; None as a default takes anything."""
    if name not in defaults or defaults[name] is None:
        return True
    kind = type(given[name])
    return kind is type(defaults[name]) or (kind is int and type(defaults[name]) is float)


def _unlike(name: str, default: Any, value: Any) -> str:
    wanted, got = type(default).__name__, type(value).__name__
    return f"parameter {name!r} must be {wanted}, like its default {default!r:.80}; the input gives {got} {value!r:.80}"


def _unknown(name: str, defaults: Mapping[str, Any]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, defaults, 1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return f"unknown parameter {name!r}{hint}; known: {', '.join(defaults) or 'none'}"


def _example(defaults: Mapping[str, Any]) -> str:
    from json import dumps

    return dumps(dict(list(defaults.items())[:1]))
